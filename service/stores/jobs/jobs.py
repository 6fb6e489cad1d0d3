"""Jobs as tenants see them: create, look up, list, cancel, delete."""

from collections.abc import Sequence
from typing import final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    func,
    or_,
    select,
)

from service.errors import FileNotFound, JobNotFound, JobNotTerminal, QuotaExceeded
from service.schemas.account import Quotas, Usage
from service.schemas.jobs import JobState
from service.stores.files.holdings import holdings
from service.stores.jobs.creation import CreatedJob, NewJob, insert_job
from service.stores.jobs.device_use import WINDOW_DAYS, used_ms
from service.stores.jobs.idempotency import (
    FirstAnswer,
    IdempotencyKey,
    first_answer,
    remember,
)
from service.stores.jobs.lifecycle import lock_job
from service.stores.jobs.queue_positions import QUEUE_POSITION
from service.stores.jobs.records import JobRecord, as_created, find_job, job_record
from service.stores.sql import cursors
from service.stores.sql.clock import now_ms
from service.stores.sql.database import read, write
from service.stores.sql.tables import files, job_labels, jobs
from service.stores.sql.tenants import lock_tenant


@final
class JobStore:
    """The jobs of all tenants; every method takes the tenant."""

    def __init__(
        self, engine: Engine, quotas: Quotas, *, retention_seconds: float
    ) -> None:
        self._engine = engine
        self._quotas = quotas
        self._retention_ms = round(retention_seconds * 1000)

    def create(self, new: NewJob) -> CreatedJob:
        """Returns a new queued job, or the one that its idempotency key has made.

        `FileNotFound` if a file is not there (any more), `QuotaExceeded` if the tenant
        has too many unfinished jobs or has used its device time,
        `IdempotencyKeyReused` if the key was for another request.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, new.tenant)
            key = new.idempotency_key
            earlier = key and first_answer(connection, new.tenant, key)
            if earlier:
                return _replayed(connection, new.tenant, earlier)
            self._check_quota(connection, new.tenant)
            _require_files(connection, new.tenant, new.file_ids)
            created = insert_job(connection, new, retention_ms=self._retention_ms)
            if key is not None:
                answer = FirstAnswer(
                    job_id=created.record.id,
                    queue_position=created.record.queue_position or 0,
                )
                remember(connection, new.tenant, key, answer)
        return created

    def created_before(self, tenant: str, key: IdempotencyKey) -> CreatedJob | None:
        """Returns the job that the key has made, if it has made one.

        `IdempotencyKeyReused` if it was for another request, `JobNotFound` or
        `JobExpired` if the job has been deleted.
        """
        with read(self._engine) as connection:
            earlier = first_answer(connection, tenant, key)
            return _replayed(connection, tenant, earlier) if earlier else None

    def _check_quota(self, connection: Connection, tenant: str) -> None:
        if connection.execute(_active(tenant)).scalar_one() >= self._quotas.active_jobs:
            raise QuotaExceeded(
                f"At most {self._quotas.active_jobs} jobs may be unfinished."
            )
        if used_ms(connection, tenant) >= 1000 * self._quotas.device_seconds:
            raise QuotaExceeded(
                f"At most {self._quotas.device_seconds} seconds of device time may be "
                f"used in {WINDOW_DAYS} days."
            )

    def get(self, tenant: str, job_id: str) -> JobRecord:
        """Returns one job.

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.
        """
        with read(self._engine) as connection:
            return job_record(find_job(connection, tenant, job_id))

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
            select(jobs, QUEUE_POSITION)
            .where(jobs.c.tenant == tenant, jobs.c.deleted_at.is_(None))
            .where(or_(jobs.c.expires_at.is_(None), jobs.c.expires_at > now_ms()))
            .order_by(order.desc())
            .limit(limit + 1)
        )
        if label is not None:
            query = query.join(job_labels).where(*_labelled(tenant, label))
        if state is not None:
            column = jobs.c.state if label is None else job_labels.c.state
            query = query.where(column == state)
        if cursor is not None:
            query = query.where(order < cursors.decode("job", cursor))
        with read(self._engine) as connection:
            records = [job_record(row) for row in connection.execute(query)]
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
            return job_record(find_job(connection, tenant, job_id))

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
            held = holdings(connection, tenant)
            active = connection.execute(_active(tenant)).scalar_one()
            device_ms = used_ms(connection, tenant)
        return Usage(
            stored_bytes=held.bytes,
            files=held.files,
            active_jobs=active,
            device_seconds=device_ms // 1000,
        )


def _replayed(connection: Connection, tenant: str, answer: FirstAnswer) -> CreatedJob:
    record = as_created(
        job_record(find_job(connection, tenant, answer.job_id)),
        queue_position=answer.queue_position,
    )
    return CreatedJob(record=record, shard_ids=[], replayed=True)


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
