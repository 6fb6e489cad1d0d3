"""Jobs: validate, create, follow, cancel, repeat, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from service.api.answers import job_answer
from service.api.paging import Cursor, Limit
from service.dependencies import (
    AbandonedDep,
    JobIdDep,
    JobReader,
    JobStoreDep,
    JobWriter,
    SubmissionDep,
)
from service.http.entity_tags import UNCHANGED, IfNoneMatch
from service.http.idempotency import IdempotencyKeyHeader
from service.http.json_routes import JsonRoute
from service.http.preferences import Wait
from service.operations.presentation import job
from service.operations.waiting import ended
from service.problems.documentation import problems
from service.schemas.jobs import (
    TERMINAL_STATES,
    Job,
    JobPage,
    JobRequest,
    JobState,
    Validation,
)

router = APIRouter(
    prefix="/jobs", tags=["jobs"], responses=problems(), route_class=JsonRoute
)

_ENDED: dict[int | str, dict[str, Any]] = {
    200: {"model": Job, "description": "The job has ended"}
}
LabelFilter = Annotated[
    str | None,
    Query(
        max_length=321,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="`KEY` or `KEY=VALUE`.",
    ),
]


@router.post("/validate", responses=problems(408, 413, 415))
def validate_job(
    *, principal: JobWriter, submission: SubmissionDep, body: JobRequest
) -> Validation:
    """Returns what creating the job would say: findings, defaults, and an estimate."""
    return submission.validate(principal.tenant, body)


@router.post(
    "",
    status_code=202,
    response_model=Job,
    responses={**_ENDED, **problems(404, 408, 409, 413, 415)},
)
async def create_job(
    *,
    abandoned: AbandonedDep,
    principal: JobWriter,
    jobs: JobStoreDep,
    submission: SubmissionDep,
    wait: Wait,
    body: JobRequest,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Creates a job; it runs as soon as a worker is free.

    With an `Idempotency-Key` the request can be repeated safely, whatever became of its
    answer: one job is made, and the first answer given again. Another body under the
    same key is refused.
    """
    created = await run_in_threadpool(
        submission.submit, principal.tenant, body, idempotency_key=idempotency_key
    )
    record = created.record
    if wait:
        record = await ended(
            lambda: jobs.get(principal.tenant, record.id),
            seconds=wait,
            abandoned=abandoned,
        )
    status = 200 if record.state in TERMINAL_STATES else 202
    return job_answer(record, status=status, waited=wait, replayed=created.replayed)


@router.get("")
def list_jobs(
    *,
    principal: JobReader,
    jobs: JobStoreDep,
    state: JobState | None = None,
    label: LabelFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobPage:
    """Returns a page of jobs, newest first."""
    records, following = jobs.list(
        principal.tenant, state=state, label=label, limit=limit, cursor=cursor
    )
    return JobPage(items=[job(record) for record in records], next_cursor=following)


@router.get(
    "/{job_id}", response_model=Job, responses={**UNCHANGED, **problems(404, 410)}
)
async def get_job(
    *,
    abandoned: AbandonedDep,
    principal: JobReader,
    job_id: JobIdDep,
    jobs: JobStoreDep,
    wait: Wait,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns a job as it stands."""
    record = await ended(
        lambda: jobs.get(principal.tenant, job_id),
        seconds=wait or 0,
        abandoned=abandoned,
    )
    return job_answer(record, waited=wait, if_none_match=if_none_match)


@router.post(
    "/{job_id}/cancel",
    status_code=202,
    response_model=Job,
    responses={**_ENDED, **problems(404, 410)},
)
def cancel_job(
    *, principal: JobWriter, job_id: JobIdDep, jobs: JobStoreDep
) -> Response:
    """Asks a job to end soon; what it has found by then is kept."""
    record = jobs.request_cancel(principal.tenant, job_id)
    return job_answer(record, status=200 if record.state in TERMINAL_STATES else 202)


@router.post(
    "/{job_id}/retry",
    status_code=202,
    response_model=Job,
    responses=problems(404, 409, 410),
)
def retry_job(
    *,
    principal: JobWriter,
    job_id: JobIdDep,
    submission: SubmissionDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Creates a new job with the specification of one that has ended."""
    created = submission.retry(
        principal.tenant, job_id, idempotency_key=idempotency_key
    )
    return job_answer(created.record, status=202, replayed=created.replayed)


@router.delete("/{job_id}", status_code=204, responses=problems(404, 409, 410))
def delete_job(*, principal: JobWriter, job_id: JobIdDep, jobs: JobStoreDep) -> None:
    """Deletes a job that has ended, and its results."""
    jobs.delete(principal.tenant, job_id)
