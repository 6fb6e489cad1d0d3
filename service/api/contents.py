"""Stored bytes as answers: passed on as they are read."""

from collections.abc import Callable, Iterator

from starlette.responses import Response, StreamingResponse

from service.http.byte_ranges import ByteRange
from service.http.entity_tags import REVALIDATED, is_current, strong
from service.operations.results import StoredReport
from service.schemas.reports import Artifact


def report_answer(
    read: Callable[[], Iterator[bytes]],
    report: StoredReport,
    *,
    if_none_match: str | None,
) -> Response:
    """A report, unless the client has it already."""
    headers = {**REVALIDATED, "ETag": strong(report.sha256)}
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return StreamingResponse(
        read(),
        headers={**headers, "Content-Length": str(report.size)},
        media_type="application/json",
    )


def artifact_answer(
    read: Callable[[int, int], Iterator[bytes]],
    artifact: Artifact,
    *,
    if_none_match: str | None,
    wanted: ByteRange | None,
) -> Response:
    """An artifact or a range of it, unless the client has it already."""
    headers = {
        **REVALIDATED,
        "ETag": strong(artifact.sha256),
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{artifact.name}"',
    }
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    part = wanted or ByteRange(start=0, end=artifact.bytes, total=artifact.bytes)
    if wanted is not None:
        headers["Content-Range"] = wanted.content_range
    return StreamingResponse(
        read(part.start, part.end),
        status_code=200 if wanted is None else 206,
        headers={**headers, "Content-Length": str(part.end - part.start)},
        media_type="application/octet-stream",
    )
