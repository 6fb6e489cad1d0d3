"""Jobs as tenants see them: create, look up, list, cancel, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import final

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    func,
    or_,
    select,
)

from service.errors import (
    FileNotFound,
    JobExpired,
    JobNotFound,
    JobNotTerminal,
    QuotaExceeded,
)
from service.schemas.account import Quotas, Usage
from service.schemas.environment import Environment
from service.schemas.jobs import (
    JobError,
    JobRequest,
    JobResult,
    JobState,
    Progress,
)
from service.schemas.reports import Artifact
from service.stores import cursors
from service.stores.clock import moment, moment_or_none, now_ms
from service.stores.database import AnyRow, read, write
from service.stores.identifiers import is_id, new_id
from service.stores.lifecycle import lock_job
from service.stores.progress import read_progress
from service.stores.tables import (
    events,
    expired_jobs,
    files,
    job_files,
    job_labels,
    jobs,
    shards,
)
from service.stores.tenants import lock_tenant

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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """The starts ``first .. first + count - 1``."""

    first: int
    count: int


@final
class JobStore:
    """The jobs of all tenants; every method takes the tenant."""

    def __init__(
        self, engine: Engine, quotas: Quotas, *, retention_seconds: float
    ) -> None:
        self._engine = engine
        self._quotas = quotas
        self._retention_ms = round(retention_seconds * 1000)

    def create(
        self,
        *,
        tenant: str,
        request: JobRequest,
        file_ids: Sequence[str],
        shard_ranges: Sequence[ShardRange],
        max_attempts: int,
        start_within_seconds: float | None = None,
        retried_from: str | None = None,
    ) -> tuple[JobRecord, list[str]]:
        """Returns a new queued job and the ids of its shards, to be published.

        `FileNotFound` if a file is not there (any more), `QuotaExceeded` if the tenant
        has too many unfinished jobs.

        Args:
            tenant: Whose it is.
            request: The resolved request.
            file_ids: The files that it needs.
            shard_ranges: Starts of each shard, at least one.
            max_attempts: How often a shard may lose its worker.
            start_within_seconds: Deadline for the start; then the job expires.
            retried_from: The job that it repeats.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            self._check_quota(connection, tenant)
            _require_files(connection, tenant, file_ids)
            now = connection.execute(select(now_ms())).scalar_one()
            job_id = new_id("job")
            row = connection.execute(
                jobs.insert()
                .values(
                    tenant=tenant,
                    id=job_id,
                    state="queued",
                    attempt=0,
                    max_attempts=max_attempts,
                    request=request.model_dump_json(),
                    created_at=now,
                    queued_at=now,
                    start_before=None
                    if start_within_seconds is None
                    else now + round(start_within_seconds * 1000),
                    spent_ms=0,
                    retention_ms=self._retention_ms,
                    artifacts="[]",
                    retried_from=retried_from,
                    sequence=1,
                )
                .returning(jobs)
            ).one()
            shard_ids = [new_id("shard") for _ in shard_ranges]
            connection.execute(
                shards.insert(),
                [
                    {
                        "id": shard_id,
                        "tenant": tenant,
                        "job_id": job_id,
                        "number": number,
                        "first_start": span.first,
                        "starts": span.count,
                        "state": "queued",
                        "attempt": 0,
                    }
                    for number, (shard_id, span) in enumerate(
                        zip(shard_ids, shard_ranges, strict=True)
                    )
                ],
            )
            if request.labels:
                connection.execute(
                    job_labels.insert(),
                    [
                        {"tenant": tenant, "job_id": job_id, "key": k, "value": v}
                        for k, v in request.labels.items()
                    ],
                )
            if file_ids:
                connection.execute(
                    job_files.insert(),
                    [
                        {"tenant": tenant, "job_id": job_id, "file_id": file_id}
                        for file_id in sorted(set(file_ids))
                    ],
                )
            connection.execute(
                events.insert().values(
                    tenant=tenant,
                    job_id=job_id,
                    sequence=1,
                    type="state",
                    at=now,
                    data='{"state":"queued"}',
                )
            )
        return _record(row), shard_ids

    def _check_quota(self, connection: Connection, tenant: str) -> None:
        if connection.execute(_active(tenant)).scalar_one() >= self._quotas.active_jobs:
            raise QuotaExceeded(
                f"At most {self._quotas.active_jobs} jobs may be unfinished."
            )

    def get(self, tenant: str, job_id: str) -> JobRecord:
        """Returns one job.

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.
        """
        with read(self._engine) as connection:
            return _record(find_job(connection, tenant, job_id))

    def list(
        self,
        tenant: str,
        *,
        state: JobState | None = None,
        label: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> tuple[list[JobRecord], str | None]:
        """Returns a page of jobs, newest first, and the cursor of the next one.

        `BadCursor` if the cursor is not from here.

        Args:
            tenant: Whose they are.
            state: Only jobs in this state.
            label: Only jobs with this label, ``key`` or ``key=value``.
            limit: Length of the page.
            cursor: Where the page before this one ended.
        """
        order = jobs.c.id if label is None else job_labels.c.job_id
        query = (
            select(jobs)
            .where(jobs.c.tenant == tenant, jobs.c.deleted_at.is_(None))
            .where(or_(jobs.c.expires_at.is_(None), jobs.c.expires_at > now_ms()))
            .order_by(order.desc())
            .limit(limit + 1)
        )
        if state is not None:
            query = query.where(jobs.c.state == state)
        if label is not None:
            query = query.join(job_labels).where(*_labelled(tenant, label))
        if cursor is not None:
            query = query.where(order < cursors.decode("job", cursor))
        with read(self._engine) as connection:
            records = [_record(row) for row in connection.execute(query)]
        return cursors.page(records, limit)

    def request_cancel(self, tenant: str, job_id: str) -> JobRecord:
        """Returns the job after asking it to end.

        A queued job is cancelled at once, a running one or one with results of some
        shards becomes `cancelling`, and one that has ended (or is cancelling already)
        stays as it is.

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.
        """
        with write(self._engine) as connection:
            find_job(connection, tenant, job_id)
            with lock_job(connection, tenant, job_id) as job:
                if job is not None and job.state in {"queued", "running"}:
                    job.change(cancel_requested_at=job.now)
                    job.cancel()
            return _record(find_job(connection, tenant, job_id))

    def delete(self, tenant: str, job_id: str) -> None:
        """Deletes a job that has ended; the reconciler removes its blobs and rows.

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.

        Raises:
            JobNotFound: If it was deleted meanwhile.
            JobNotTerminal: If it has not ended.
        """
        with write(self._engine) as connection:
            find_job(connection, tenant, job_id)
            with lock_job(connection, tenant, job_id) as job:
                if job is None:
                    raise JobNotFound("There is no such job.")
                if not job.is_over:
                    raise JobNotTerminal("The job has not ended; cancel it first.")
                job.change(deleted_at=job.now)

    def usage(self, tenant: str) -> Usage:
        """Returns what the tenant holds now."""
        with read(self._engine) as connection:
            stored = connection.execute(
                select(
                    func.count().label("files"),
                    func.coalesce(func.sum(files.c.bytes), 0).label("bytes"),
                ).where(files.c.tenant == tenant)
            ).one()
            active = connection.execute(_active(tenant)).scalar_one()
        return Usage(
            stored_bytes=int(stored.bytes), files=stored.files, active_jobs=active
        )


def find_job(connection: Connection, tenant: str, job_id: str) -> AnyRow:
    """Returns the row of a job that the tenant may see.

    Raises:
        JobNotFound: If the tenant has no such job.
        JobExpired: If its retention has ended.
    """
    if not is_id("job", job_id):
        raise JobNotFound("There is no such job.")
    row = connection.execute(
        select(jobs, (jobs.c.expires_at <= now_ms()).label("is_expired")).where(
            jobs.c.tenant == tenant, jobs.c.id == job_id
        )
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


def _active(tenant: str) -> Select[int]:
    return select(func.count()).where(
        jobs.c.tenant == tenant,
        jobs.c.state.in_(("queued", "running", "cancelling")),
    )


def _require_files(
    connection: Connection, tenant: str, file_ids: Sequence[str]
) -> None:
    found = connection.execute(
        select(func.count()).where(files.c.tenant == tenant, files.c.id.in_(file_ids))
    ).scalar_one()
    if found != len(set(file_ids)):
        raise FileNotFound("A file that the job names is not there.")


def _labelled(tenant: str, label: str) -> list[ColumnElement[bool]]:
    key, equals, value = label.replace("\0", "").partition("=")
    conditions = [job_labels.c.tenant == tenant, job_labels.c.key == key]
    return [*conditions, job_labels.c.value == value] if equals else conditions


def _record(row: AnyRow) -> JobRecord:
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
