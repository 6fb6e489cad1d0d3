"""A job as an answer, with what its client needs to follow it."""

from datetime import UTC, datetime
from http import HTTPStatus

from starlette.responses import Response

from service.http.entity_tags import REVALIDATED, is_current, strong
from service.http.idempotency import REPLAYED
from service.operations.presentation import job, job_url
from service.schemas.jobs import TERMINAL_STATES
from service.stores.jobs.records import JobRecord

_PAUSES = ((10, 1), (60, 5))  # of jobs younger than the first, in seconds
_LONGEST_PAUSE = 15


def job_answer(
    record: JobRecord,
    *,
    status: int = 200,
    waited: int | None = None,
    if_none_match: str | None = None,
    replayed: bool = False,
) -> Response:
    """A job with its entity tag; without a body when the client has it already."""
    headers = {**REVALIDATED, "ETag": strong(_version(record))}
    if replayed:
        headers[REPLAYED] = "true"
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited}"
    if record.state not in TERMINAL_STATES:
        headers["Retry-After"] = str(_pause(record))
    if is_current(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if status == HTTPStatus.ACCEPTED:
        headers["Location"] = job_url(record.id)
    return Response(
        job(record).model_dump_json(),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def _version(record: JobRecord) -> str:
    """Differs between any two states that look different to a client."""
    version = f"{record.id}-{record.sequence}"
    place = record.queue_position
    return version if place is None else f"{version}-{place}"


def _pause(record: JobRecord) -> int:
    """Seconds after which to ask again: short while the job is young."""
    age = (datetime.now(UTC) - record.created_at).total_seconds()
    return next((pause for limit, pause in _PAUSES if age < limit), _LONGEST_PAUSE)
