"""Leases of shards: who holds a token may change a shard, nobody else.

A token begins with the shard's id, so that even a stale one tells which job to lock.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

from pydantic import JsonValue
from sqlalchemy import Connection, Engine, select, update

from service.stores.jobs.lifecycle import LockedJob, lock_job
from service.stores.jobs.progress import ShardState
from service.stores.sql.database import insert, write
from service.stores.sql.tables import fenced_writes, shards


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A shard under a valid lease, in a transaction that holds its job."""

    connection: Connection
    job: LockedJob
    token: str
    shard_id: str
    number: int
    has_results: bool

    def change(self, **columns: object) -> None:
        """Sets columns of the shard, if the token is still its own."""
        changed = self.connection.execute(
            update(shards)
            .where(shards.c.id == self.shard_id, shards.c.token == self.token)
            .values(**columns)
        )
        if changed.rowcount != 1:
            raise AssertionError("a lease changed under the lock on its job")

    def log(self, message: str) -> None:
        """Adds to the job's log."""
        entry: dict[str, JsonValue] = {"message": message, "level": "info"}
        self.job.record("log", {**entry, "shard": self.number})

    def give_up(self, state: ShardState, **columns: object) -> None:
        """Ends the lease and leaves the shard in this state."""
        self.job.charge(shards.c.id == self.shard_id)
        self.job.count_event("attempts", "released" if state == "queued" else state)
        self.change(state=state, token=None, lease_expires_at=None, **columns)
        self.job.lease_ends()


def new_token(shard_id: str) -> str:
    """Returns a fresh token for a shard."""
    return f"{shard_id}.{secrets.token_hex(16)}"


@contextmanager
def leased(engine: Engine, token: str) -> Generator[Leased | None]:
    """Yields the shard of a token for one transaction; None if the lease is lost."""
    shard_id = token.partition(".")[0]
    with write(engine) as connection:
        row = connection.execute(
            select(shards.c.tenant, shards.c.job_id).where(shards.c.id == shard_id)
        ).one_or_none()
        if row is None:
            yield None
            return
        with lock_job(connection, row.tenant, row.job_id) as job:
            yield None if job is None else _under_lock(connection, job, shard_id, token)


def _under_lock(
    connection: Connection, job: LockedJob, shard_id: str, token: str
) -> Leased | None:
    row = connection.execute(
        select(shards.c.number, shards.c.stored_at).where(
            shards.c.id == shard_id,
            shards.c.token == token,
            shards.c.lease_expires_at > job.now,
        )
    ).one_or_none()
    if row is None:
        return None
    return Leased(
        connection=connection,
        job=job,
        token=token,
        shard_id=shard_id,
        number=row.number,
        has_results=row.stored_at is not None,
    )


def count_refusal(engine: Engine, operation: str) -> None:
    """Counts a write that was refused because its lease was lost."""
    with write(engine) as connection:
        statement = insert(connection, fenced_writes).values(
            operation=operation, refused=1
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[fenced_writes.c.operation],
                set_={"refused": fenced_writes.c.refused + 1},
            )
        )


def refusals(engine: Engine) -> dict[str, int]:
    """Returns how many writes were refused, by operation."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(fenced_writes.c.operation, fenced_writes.c.refused)
        )
        return {row.operation: row.refused for row in rows}
