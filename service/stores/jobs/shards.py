"""Shards as workers see them: claim, renew, and end, all under a lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import final

from pydantic import JsonValue
from sqlalchemy import Connection, Engine, select, update

from service.schemas.environment import Environment
from service.schemas.jobs import JobError, JobRequest, JobResult, Progress
from service.schemas.reports import Artifact, Counts
from service.schemas.specifications import FORMAT, Specification
from service.stores.files.files import FileRecord, job_file_records
from service.stores.jobs.events import NewEvent
from service.stores.jobs.leases import count_refusal, leased, new_token
from service.stores.jobs.lifecycle import LockedJob, lock_job
from service.stores.jobs.records import ARTIFACTS
from service.stores.sql.clock import moment, now_ms
from service.stores.sql.database import AnyRow, read, write
from service.stores.sql.tables import jobs, shards


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A shard that is ours until the lease runs out, and what it needs."""

    token: str
    """Proves the lease in every later call."""
    shard_id: str
    tenant: str
    job_id: str
    number: int
    first: int
    count: int
    attempt: int
    max_attempts: int
    specification: Specification
    job_started_at: datetime
    seconds_left: float
    """Of the job's time limit, over all attempts; not positive when it is used up."""
    traceparent: str | None
    """Where the request for the job was traced."""
    files: tuple[FileRecord, ...]
    has_results: bool
    """An earlier attempt stored this shard's results: go on with `store_results`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The lease goes on."""

    cancel_requested: bool
    """Finish up, store what there is, and end."""


@final
class ShardStore:
    """The shards of all jobs. A stale token changes nothing, and is counted.

    The life of a claim: `claim`, then `renew` until the results are in the blob store,
    then `store_results`; where that returns True, assemble the report of all
    `stored_shards` while renewing, and `finish`. Otherwise `fail`, `release` or
    `abandon`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(
        self, shard_id: str, *, worker: str, lease_seconds: float
    ) -> Claim | None:
        """Returns the shard under a fresh lease; None when it is not to be had.

        The job becomes `running` with its first claim. A shard of a newer format than
        this code's is left to newer workers.
        """
        with write(self._engine) as connection:
            row = connection.execute(
                select(shards).where(shards.c.id == shard_id)
            ).one_or_none()
            if row is None or row.state != "queued":
                return None
            with lock_job(connection, row.tenant, row.job_id) as job:
                if job is None or not _may_be_claimed(job, row):
                    return None
                if job.format > FORMAT:
                    _leave_to_newer(connection, job, row, worker)
                    return None
                token = new_token(shard_id)
                claimed = connection.execute(
                    update(shards)
                    .where(shards.c.id == shard_id, shards.c.state == "queued")
                    .values(
                        state="running",
                        token=token,
                        worker=worker,
                        attempt=shards.c.attempt + 1,
                        lease_expires_at=job.now + round(lease_seconds * 1000),
                        renewed_at=job.now,
                        claimed_at=job.now,
                        phase=None,
                        progress=None,
                    )
                    .returning(shards)
                ).one_or_none()
                if claimed is None:
                    return None
                job.lease_begins()
                job.count_event("attempts", "begun")
                if job.state == "queued":
                    job.move("running")
                job.record("log", _claim_entry(claimed))
                return _claim(connection, job, claimed)

    def renew(
        self,
        token: str,
        *,
        lease_seconds: float,
        phase: str | None = None,
        progress: Progress | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Renewal | None:
        """Returns the lease, prolonged, after recording how far the shard has come.

        None when the lease is lost, or the job is over (another shard failed): the
        runner is to be killed and nothing else to be written.

        Args:
            token: Of the claim.
            lease_seconds: From now.
            phase: What the shard is at; None leaves it.
            progress: How far this shard is within the phase; None leaves it.
            events: What else happened, in order.
        """
        with leased(self._engine, token) as shard:
            if shard is None:
                return None
            changes: dict[str, object] = {}
            if phase is not None:
                changes |= {"phase": phase, "progress": None}
            if progress is not None:
                changes |= {"progress": progress.model_dump_json()}
            shard.change(
                lease_expires_at=shard.job.now + round(lease_seconds * 1000),
                renewed_at=shard.job.now,
                **changes,
            )
            for event in events:
                shard.job.record(event.type, {"shard": shard.number, **event.data})
            if changes:
                shard.job.advance()
            return Renewal(cancel_requested=shard.job.state == "cancelling")

    def store_results(self, token: str) -> bool:
        """Returns whether the caller must assemble the report, then `finish`.

        Records that the shard's results are in the blob store. True: every other shard
        is over, and the lease goes on. False: the shard is done, or the token is stale,
        and there is nothing more to do.
        """
        with leased(self._engine, token) as shard:
            if shard is not None:
                shard.change(stored_at=shard.job.now)
                if shard.job.count("queued", "running") == 1:
                    return True
                shard.give_up("stored")
                return False
        count_refusal(self._engine, "store_results")
        return False

    def stored_shards(self, tenant: str, job_id: str) -> list[int]:
        """Returns the numbers of the shards that have results, in order."""
        with read(self._engine) as connection:
            return list(
                connection.execute(
                    select(shards.c.number)
                    .where(
                        shards.c.tenant == tenant,
                        shards.c.job_id == job_id,
                        shards.c.stored_at.is_not(None),
                    )
                    .order_by(shards.c.number)
                ).scalars()
            )

    def finish(
        self,
        token: str,
        *,
        outcome: str,
        counts: Counts,
        environment: Environment,
        artifacts: Sequence[Artifact],
    ) -> bool:
        """Returns whether the job ended now; it did not if the token is stale.

        It ends as `succeeded`, or `cancelled` if that was asked for; only after
        `store_results` returned True.

        Raises:
            ValueError: If the shard is not the one to assemble the report.
        """
        with leased(self._engine, token) as shard:
            if shard is not None:
                job = shard.job
                if not shard.has_results or job.count("queued", "running") != 1:
                    raise ValueError("finish comes after store_results returned True")
                shard.give_up("stored")
                job.change(
                    result=JobResult(outcome=outcome, counts=counts).model_dump_json(),
                    environment=environment.model_dump_json(),
                    artifacts=ARTIFACTS.dump_json(list(artifacts)).decode(),
                )
                job.end("cancelled" if job.state == "cancelling" else "succeeded")
                return True
        count_refusal(self._engine, "finish")
        return False

    def fail(self, token: str, error: JobError) -> bool:
        """Returns whether the job failed now; it did not if the token is stale.

        All its other shards end too.
        """
        with leased(self._engine, token) as shard:
            if shard is not None:
                shard.give_up("failed")
                shard.job.end("failed", error)
                return True
        count_refusal(self._engine, "fail")
        return False

    def release(self, token: str) -> bool:
        """Returns whether the shard was given back; not if the token is stale.

        It is queued as if it had not been attempted. If cancelling was asked for, it is
        over instead: this is how a cancelled shard without results ends. One with
        results may be queued again, for the report.
        """
        with leased(self._engine, token) as shard:
            if shard is not None:
                if shard.job.state == "cancelling":
                    shard.give_up("stored" if shard.has_results else "cancelled")
                else:
                    shard.give_up(
                        "queued", attempt=shards.c.attempt - 1, published_at=None
                    )
                    shard.log(f"Shard {shard.number} was given back by its worker")
                shard.job.rest()
                return True
        count_refusal(self._engine, "release")
        return False

    def abandon(self, token: str) -> bool:
        """Returns whether the lease was ended; not if the token is stale.

        What the attempt computed since its last checkpoint is discarded. The shard is
        as one whose worker was lost: another attempt may begin, and is counted.
        """
        with leased(self._engine, token) as shard:
            if shard is not None:
                shard.change(lease_expires_at=shard.job.now, renewed_at=shard.job.now)
                return True
        count_refusal(self._engine, "abandon")
        return False

    def mark_published(self, shard_ids: Sequence[str]) -> None:
        """Records that the broker has a message for each of these shards."""
        with write(self._engine) as connection:
            waiting = (
                select(shards.c.id)
                .where(shards.c.id.in_(shard_ids), shards.c.state == "queued")
                .with_for_update(skip_locked=True)
            )
            found = connection.execute(waiting).scalars().all()
            connection.execute(
                update(shards)
                .where(shards.c.id.in_(found))
                .values(published_at=now_ms())
            )


def _may_be_claimed(job: LockedJob, shard: AnyRow) -> bool:
    """Whether the job goes on and is in time, or only its report is wanted."""
    if job.state == "cancelling":
        return shard.stored_at is not None
    return job.state in {"queued", "running"} and not job.is_late


def _leave_to_newer(
    connection: Connection, job: LockedJob, shard: AnyRow, worker: str
) -> None:
    """Has the shard announced again, and tells so the first time."""
    if shard.worker is None:
        message = f"Shard {shard.number} waits for a worker of a newer version"
        job.record(
            "log", {"message": message, "level": "warning", "shard": shard.number}
        )
    connection.execute(
        update(shards)
        .where(shards.c.id == shard.id)
        .values(worker=worker, published_at=None)
    )


def _claim_entry(shard: AnyRow) -> dict[str, JsonValue]:
    message = f"Shard {shard.number} begins, attempt {shard.attempt}"
    return {
        "message": message,
        "level": "info",
        "shard": shard.number,
        "attempt": shard.attempt,
    }


def _claim(connection: Connection, job: LockedJob, shard: AnyRow) -> Claim:
    asked = connection.execute(
        select(jobs.c.request, jobs.c.traceparent).where(
            jobs.c.tenant == job.tenant, jobs.c.id == job.id
        )
    ).one()
    request = JobRequest.model_validate_json(asked.request)
    running_ms = job.now - (job.running_since or job.now)
    left_ms = request.time_limit_seconds * 1000 - job.spent_ms - running_ms
    return Claim(
        token=shard.token,
        shard_id=shard.id,
        tenant=job.tenant,
        job_id=job.id,
        number=shard.number,
        first=shard.first_start,
        count=shard.starts,
        attempt=shard.attempt,
        max_attempts=job.max_attempts,
        specification=Specification(
            **{name: getattr(request, name) for name in Specification.model_fields}
        ),
        job_started_at=moment(job.started_at or job.now),
        seconds_left=left_ms / 1000,
        traceparent=asked.traceparent,
        files=job_file_records(connection, job.tenant, job.id),
        has_results=shard.stored_at is not None,
    )
