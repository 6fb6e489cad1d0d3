"""Rows of jobs, as records of the shared vocabulary."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from service.errors import JobExpired, JobNotFound
from service.schemas.environment import Environment
from service.schemas.jobs import (
    JobError,
    JobRequest,
    JobResult,
    JobState,
    Progress,
)
from service.schemas.reports import Artifact
from service.stores.jobs.progress import read_progress
from service.stores.jobs.queue_positions import QUEUE_POSITION
from service.stores.sql.clock import moment, moment_or_none, now_ms
from service.stores.sql.database import AnyRow
from service.stores.sql.identifiers import is_id
from service.stores.sql.tables import expired_jobs, jobs

ARTIFACTS = TypeAdapter(list[Artifact])
"""How the artifacts of a job are stored."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job's row; `sequence` grows with every change that a client can see."""

    tenant: str
    id: str
    state: JobState
    phase: str | None
    progress: Progress | None
    attempt: int
    max_attempts: int
    request: JobRequest
    created_at: datetime
    queued_at: datetime
    queue_position: int | None
    start_before: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None
    error: JobError | None
    result: JobResult | None
    environment: Environment | None
    artifacts: tuple[Artifact, ...]
    retried_from: str | None
    sequence: int


def find_job(connection: Connection, tenant: str, job_id: str) -> AnyRow:
    """Returns the row of a job that the tenant may see.

    Raises:
        JobNotFound: If the tenant has no such job.
        JobExpired: If its retention has ended.
    """
    if not is_id("job", job_id):
        raise JobNotFound("There is no such job.")
    row = connection.execute(
        select(
            jobs, QUEUE_POSITION, (jobs.c.expires_at <= now_ms()).label("is_expired")
        ).where(jobs.c.tenant == tenant, jobs.c.id == job_id)
    ).one_or_none()
    if row is None:
        known = select(func.count()).where(
            expired_jobs.c.tenant == tenant, expired_jobs.c.job_id == job_id
        )
        if connection.execute(known).scalar_one():
            raise JobExpired("The job and its results have been deleted.")
    if row is None or row.deleted_at is not None:
        raise JobNotFound("There is no such job.")
    if row.is_expired:
        raise JobExpired("The job and its results have been deleted.")
    return row


def job_record(row: AnyRow) -> JobRecord:
    """A row of `jobs` as a record."""
    return JobRecord(
        tenant=row.tenant,
        id=row.id,
        state=row.state,
        phase=row.phase,
        progress=read_progress(row.progress),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        request=JobRequest.model_validate_json(row.request),
        created_at=moment(row.created_at),
        queued_at=moment(row.queued_at),
        queue_position=row.queue_position,
        start_before=moment_or_none(row.start_before),
        started_at=moment_or_none(row.started_at),
        finished_at=moment_or_none(row.finished_at),
        cancel_requested_at=moment_or_none(row.cancel_requested_at),
        expires_at=moment_or_none(row.expires_at),
        error=None if row.error is None else JobError.model_validate_json(row.error),
        result=None
        if row.result is None
        else JobResult.model_validate_json(row.result),
        environment=None
        if row.environment is None
        else Environment.model_validate_json(row.environment),
        artifacts=tuple(ARTIFACTS.validate_json(row.artifacts)),
        retried_from=row.retried_from,
        sequence=row.sequence,
    )


def as_created(record: JobRecord, *, queue_position: int) -> JobRecord:
    """The record as it was when the job was created, at this place in the queue."""
    return replace(
        record,
        state="queued",
        phase=None,
        progress=None,
        attempt=0,
        queued_at=record.created_at,
        queue_position=queue_position,
        started_at=None,
        finished_at=None,
        cancel_requested_at=None,
        expires_at=None,
        error=None,
        result=None,
        environment=None,
        artifacts=(),
        sequence=1,
    )
