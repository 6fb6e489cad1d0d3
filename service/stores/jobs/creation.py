"""New jobs: one row, and what belongs to it, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from sqlalchemy import Connection, select

from service import tracing
from service.schemas.jobs import JobRequest
from service.schemas.priorities import PRIORITIES
from service.schemas.specifications import FORMAT
from service.stores.jobs.idempotency import IdempotencyKey
from service.stores.jobs.records import JobRecord, find_job, job_record
from service.stores.sql.clock import now_ms
from service.stores.sql.identifiers import new_id
from service.stores.sql.tables import events, job_files, job_labels, jobs, shards


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """The starts ``first .. first + count - 1``."""

    first: int
    count: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to create."""

    tenant: str
    request: JobRequest
    """As it was resolved."""
    file_ids: Sequence[str]
    """The files that it needs."""
    shard_ranges: Sequence[ShardRange]
    """Starts of each shard, at least one."""
    max_attempts: int
    """How often a shard may lose its worker."""
    start_within_seconds: float | None = None
    """Deadline for the start; then the job expires."""
    retried_from: str | None = None
    """The job that it repeats."""
    idempotency_key: IdempotencyKey | None = None
    """Under which the client may ask again without making another job."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedJob:
    """A job as it was created, by this request or by an earlier one of the same key."""

    record: JobRecord
    shard_ids: list[str]
    """To be published; none when the job was there already."""
    replayed: bool


def insert_job(connection: Connection, new: NewJob, *, retention_ms: int) -> CreatedJob:
    """Returns a new queued job."""
    now = connection.execute(select(now_ms())).scalar_one()
    job_id = new_id("job")
    start_before = None
    if new.start_within_seconds is not None:
        start_before = now + round(new.start_within_seconds * 1000)
    connection.execute(
        jobs.insert().values(
            tenant=new.tenant,
            id=job_id,
            state="queued",
            attempt=0,
            max_attempts=new.max_attempts,
            request=new.request.model_dump_json(),
            created_at=now,
            queued_at=now,
            start_before=start_before,
            spent_ms=0,
            retention_ms=retention_ms,
            artifacts="[]",
            retried_from=new.retried_from,
            sequence=1,
            format=FORMAT,
            traceparent=tracing.traceparent(),
            priority=PRIORITIES.index(new.request.priority),
        )
    )
    shard_ids = [new_id("shard") for _ in new.shard_ranges]
    connection.execute(shards.insert(), _shards(new, job_id, shard_ids))
    owner = {"tenant": new.tenant, "job_id": job_id}
    if new.request.labels:
        connection.execute(
            job_labels.insert(),
            [{**owner, "key": k, "value": v} for k, v in new.request.labels.items()],
        )
    if new.file_ids:
        connection.execute(
            job_files.insert(),
            [{**owner, "file_id": file_id} for file_id in sorted(set(new.file_ids))],
        )
    connection.execute(
        events.insert().values(
            **owner, sequence=1, type="state", at=now, data='{"state":"queued"}'
        )
    )
    record = job_record(find_job(connection, new.tenant, job_id))
    return CreatedJob(record=record, shard_ids=shard_ids, replayed=False)


def _shards(new: NewJob, job_id: str, shard_ids: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": shard_id,
            "tenant": new.tenant,
            "job_id": job_id,
            "number": number,
            "first_start": span.first,
            "starts": span.count,
            "state": "queued",
            "attempt": 0,
        }
        for number, (shard_id, span) in enumerate(
            zip(shard_ids, new.shard_ranges, strict=True)
        )
    ]
