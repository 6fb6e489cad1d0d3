"""Resumable uploads: begin one, send pieces, ask how far it is."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.api.paging import Cursor, Limit
from service.dependencies import (
    FileReader,
    FileWriter,
    ResumableUploadsDep,
    UploadIdDep,
)
from service.http import digests, raw_bodies
from service.http.json_routes import JsonRoute
from service.problems.documentation import problems
from service.schemas.uploads import Upload, UploadPage, UploadRequest
from service.stores.files.uploads import UploadRecord

router = APIRouter(
    prefix="/uploads", tags=["uploads"], responses=problems(), route_class=JsonRoute
)

UploadOffset = Annotated[
    int,
    Header(
        alias="Upload-Offset",
        ge=0,
        le=2**53 - 1,
        description="Where the body belongs: the upload's `offset`.",
    ),
]
_BEGUN: dict[int | str, dict[str, Any]] = {
    200: {"model": Upload, "description": "These bytes were announced before"},
    **problems(408, 409, 413, 415),
}
_HEAD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "How far it is",
        "headers": {
            "Upload-Offset": {"schema": {"type": "integer"}, "required": True},
            "Upload-Length": {"schema": {"type": "integer"}, "required": True},
        },
    },
    **problems(404),
}


@router.post("", status_code=201, responses=_BEGUN)
def create_upload(
    *,
    response: Response,
    principal: FileWriter,
    uploads: ResumableUploadsDep,
    body: UploadRequest,
) -> Upload:
    """Announces a file that will be sent piece by piece.

    The same announcement again gives the upload that was begun, as far as it came;
    bytes that are there already need not be sent. Room for the file is reserved.
    """
    record, is_new = uploads.begin(principal.tenant, body)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/uploads/{record.id}"
    response.headers.update(_place(record))
    return uploads.present(record)


@router.get("")
def list_uploads(
    *,
    principal: FileReader,
    uploads: ResumableUploadsDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> UploadPage:
    """Returns a page of uploads, newest first."""
    records, following = uploads.records.list(
        principal.tenant, limit=limit, cursor=cursor
    )
    return UploadPage(
        items=[uploads.present(it) for it in records], next_cursor=following
    )


@router.get("/{upload_id}", responses=problems(404))
def get_upload(
    *,
    response: Response,
    principal: FileReader,
    upload_id: UploadIdDep,
    uploads: ResumableUploadsDep,
) -> Upload:
    """Returns how far an upload is, and the file that it has become."""
    record = uploads.records.get(principal.tenant, upload_id)
    response.headers.update(_place(record))
    return uploads.present(record)


@router.head("/{upload_id}", responses=_HEAD)
def head_upload(
    *, principal: FileReader, upload_id: UploadIdDep, uploads: ResumableUploadsDep
) -> Response:
    """Tells in headers how far an upload is."""
    record = uploads.records.get(principal.tenant, upload_id)
    return Response(headers=_place(record))


@router.patch(
    "/{upload_id}",
    responses=problems(404, 408, 409, 411, 413, 415),
    openapi_extra=raw_bodies.DOCUMENTATION,
)
async def append_upload(
    *,
    request: Request,
    response: Response,
    principal: FileWriter,
    uploads: ResumableUploadsDep,
    upload_id: UploadIdDep,
    _: Annotated[None, Depends(raw_bodies.expected)],
    upload_offset: UploadOffset,
    content_digest: digests.ContentDigest = None,
) -> Upload:
    """Sends the bytes that follow, all of them or as many as one likes.

    What arrives counts even if the connection breaks, unless it has a Content-Digest.
    The last piece makes the file; it may be empty, to try that again.
    """
    claim = await run_in_threadpool(
        uploads.records.claim, principal.tenant, upload_id, upload_offset
    )
    pieces = uploads.pieces(claim, digested=content_digest is not None)
    await pieces.receive(request.stream(), declared=raw_bodies.length(request))
    if pieces.sha256 is not None:
        digests.check(content_digest, pieces.sha256)
    record = await run_in_threadpool(uploads.settle, claim, pieces)
    response.headers.update(_place(record))
    return await run_in_threadpool(uploads.present, record)


@router.delete("/{upload_id}", status_code=204, responses=problems(404))
def delete_upload(
    *, principal: FileWriter, upload_id: UploadIdDep, uploads: ResumableUploadsDep
) -> None:
    """Gives an upload up; a file that it has become stays."""
    uploads.delete(uploads.records.get(principal.tenant, upload_id))


def _place(record: UploadRecord) -> dict[str, str]:
    return {
        "Cache-Control": "no-store",
        "Upload-Offset": str(record.received),
        "Upload-Length": str(record.bytes),
    }
