"""What the reconciler finds and repairs, across all tenants.

Any number of reconcilers may run at once: each change is conditional, and takes the
lock that every other change of that job takes.
"""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Connection, Engine, delete, or_, select, update

from service.schemas.jobs import JobError
from service.schemas.priorities import PRIORITIES, Priority
from service.stores.jobs.device_use import forget_old_use
from service.stores.jobs.idempotency import forget_old_keys
from service.stores.jobs.lifecycle import LockedJob, lock_job
from service.stores.sql.clock import now_ms
from service.stores.sql.database import AnyRow, insert, read, write
from service.stores.sql.tables import expired_jobs, jobs, shards
from service.stores.webhooks.deliveries import forget_old_deliveries

_QUEUE_PATIENCE = 20
"""In units of the patience while no message waits."""

_LOST = JobError(
    code="worker_lost",
    message="The worker was lost on every attempt.",
    retryable=True,
    details={},
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RemovableJob:
    """A job whose blobs and rows are to go."""

    tenant: str
    id: str


@final
class RecoveryStore:
    """Finds lost leases, lost messages, and what has outlived its time.

    Args:
        engine: The database.
        patience_seconds: After which a message is taken for lost.
    """

    def __init__(self, engine: Engine, *, patience_seconds: float) -> None:
        self._engine = engine
        self._patience_ms = round(1000 * patience_seconds)

    def take_unannounced(
        self, *, queue_is_empty: bool, limit: int = 1000
    ) -> dict[str, Priority]:
        """Returns queued shards without a message, now recorded as having one.

        They come with the priority of their jobs, the highest first.

        A message is taken for lost if its shard waits although none is there. While
        others are, it may be among them, so that it is sent again only now and then:
        the broker must not fill up with copies.

        Args:
            queue_is_empty: Whether no message waits.
            limit: How many at most.
        """
        with write(self._engine) as connection:
            times = 1 if queue_is_empty else _QUEUE_PATIENCE
            overdue = now_ms() - times * self._patience_ms
            found = connection.execute(
                select(shards.c.id, jobs.c.priority)
                .join(jobs)
                .where(
                    shards.c.state == "queued",
                    or_(
                        shards.c.published_at.is_(None),
                        shards.c.published_at <= overdue,
                    ),
                )
                .order_by(jobs.c.priority, shards.c.id)
                .limit(limit)
                .with_for_update(of=shards, skip_locked=True)
            ).all()
            connection.execute(
                update(shards)
                .where(shards.c.id.in_([row.id for row in found]))
                .values(published_at=now_ms())
            )
        return {row.id: PRIORITIES[row.priority] for row in found}

    def give_back_unannounced(self, shard_ids: list[str]) -> None:
        """Records that these shards have no message after all."""
        with write(self._engine) as connection:
            found = connection.execute(
                select(shards.c.id)
                .where(shards.c.id.in_(shard_ids), shards.c.state == "queued")
                .with_for_update(skip_locked=True)
            ).scalars()
            connection.execute(
                update(shards)
                .where(shards.c.id.in_(list(found)))
                .values(published_at=None)
            )

    def reap(self, *, limit: int = 1000) -> int:
        """Returns how many expired leases were ended.

        Each such shard is queued again, or over if its job was to be cancelled; after
        the last attempt its job fails with `worker_lost`.

        Args:
            limit: How many at most.
        """
        with read(self._engine) as connection:
            rows = connection.execute(
                select(shards.c.id, shards.c.tenant, shards.c.job_id)
                .where(
                    shards.c.state == "running", shards.c.lease_expires_at <= now_ms()
                )
                .order_by(shards.c.lease_expires_at)
                .limit(limit)
            ).all()
        return sum(self._reap(row) for row in rows)

    def _reap(self, found: AnyRow) -> bool:
        with (
            write(self._engine) as connection,
            lock_job(connection, found.tenant, found.job_id, skip_locked=True) as job,
        ):
            if job is None:
                return False
            row = connection.execute(
                select(shards).where(
                    shards.c.id == found.id,
                    shards.c.state == "running",
                    shards.c.lease_expires_at <= job.now,
                )
            ).one_or_none()
            if row is None:
                return False
            _end_lease(connection, job, row)
            return True

    def expire(self, *, limit: int = 1000) -> int:
        """Returns how many jobs expired because no worker began them in time.

        Args:
            limit: How many at most.
        """
        late = (
            jobs.c.state == "queued",
            jobs.c.started_at.is_(None),
            jobs.c.start_before <= now_ms(),
        )
        with read(self._engine) as connection:
            rows = connection.execute(
                select(jobs.c.tenant, jobs.c.id).where(*late).limit(limit)
            ).all()
        return sum(self._expire(row) for row in rows)

    def _expire(self, found: AnyRow) -> bool:
        with (
            write(self._engine) as connection,
            lock_job(connection, found.tenant, found.id, skip_locked=True) as job,
        ):
            if job is None or not job.is_late:
                return False
            job.end("expired")
            return True

    def removable(self, *, limit: int = 100) -> list[RemovableJob]:
        """Returns jobs that were deleted or have outlived their retention.

        Args:
            limit: How many at most.
        """
        with read(self._engine) as connection:
            rows = connection.execute(
                select(jobs.c.tenant, jobs.c.id)
                .where(
                    or_(jobs.c.deleted_at.is_not(None), jobs.c.expires_at <= now_ms())
                )
                .limit(limit)
            ).all()
        return [RemovableJob(tenant=row.tenant, id=row.id) for row in rows]

    def remove(self, job: RemovableJob) -> bool:
        """Returns whether the rows of such a job were there; now they are not.

        One that outlived its retention is remembered as expired.
        """
        with write(self._engine) as connection:
            row = connection.execute(
                delete(jobs)
                .where(
                    jobs.c.tenant == job.tenant,
                    jobs.c.id == job.id,
                    or_(jobs.c.deleted_at.is_not(None), jobs.c.expires_at <= now_ms()),
                )
                .returning(jobs.c.deleted_at)
            ).one_or_none()
            if row is not None and row.deleted_at is None:
                connection.execute(
                    insert(connection, expired_jobs)
                    .values(tenant=job.tenant, job_id=job.id, expired_at=now_ms())
                    .on_conflict_do_nothing()
                )
        return row is not None

    def forget(self) -> int:
        """Returns how many rows are too old to count; they are gone."""
        with write(self._engine) as connection:
            return (
                forget_old_keys(connection)
                + forget_old_use(connection)
                + forget_old_deliveries(connection)
            )


def _end_lease(connection: Connection, job: LockedJob, shard: AnyRow) -> None:
    """Takes a shard from a worker that has not renewed its lease."""
    is_last = shard.attempt >= job.max_attempts
    if job.state == "cancelling":
        state = "cancelled" if shard.stored_at is None else "stored"
    else:
        state = "failed" if is_last else "queued"
    job.charge(shards.c.id == shard.id, until=shard.renewed_at)
    job.count_event("attempts", "lost")
    connection.execute(
        update(shards)
        .where(shards.c.id == shard.id)
        .values(state=state, token=None, lease_expires_at=None, published_at=None)
    )
    job.lease_ends(at=shard.renewed_at)
    message = f"Shard {shard.number} lost its worker in attempt {shard.attempt}"
    job.record(
        "log",
        {
            "message": message,
            "level": "warning",
            "shard": shard.number,
            "attempt": shard.attempt,
        },
    )
    if state == "failed":
        job.end("failed", _LOST)
    else:
        job.rest()
