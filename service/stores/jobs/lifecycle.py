"""The life of a job: every change of its row goes through a lock on that row.

Whoever changes a shard locks its job first, so that the changes of one job come one
after the other, and a change, its events and its sequence number are one transaction.
"""

import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import final

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Connection, func, select, update

from service.schemas.jobs import TERMINAL_STATES, TRANSITIONS, JobError, JobState
from service.stores.jobs.device_use import charge
from service.stores.jobs.progress import (
    ShardProgress,
    combine,
    completed,
    read_progress,
)
from service.stores.sql.clock import now_ms
from service.stores.sql.counters import CounterName, count
from service.stores.sql.database import AnyRow
from service.stores.sql.tables import events, job_labels, jobs, shards
from service.stores.webhooks.outbox import announce_end

_LOCKED = (
    jobs.c.state,
    jobs.c.phase,
    jobs.c.progress,
    jobs.c.max_attempts,
    jobs.c.started_at,
    jobs.c.running_since,
    jobs.c.spent_ms,
    jobs.c.retention_ms,
    jobs.c.sequence,
    jobs.c.start_before,
    jobs.c.format,
)


@final
class LockedJob:
    """A job whose row this transaction holds; changes are written at its end.

    Attributes:
        now: The moment of the change, in milliseconds since 1970.
        state: The state as it will be.
        started_at: When the first shard was first claimed.
        running_since: Since when at least one shard has been leased.
        spent_ms: Running time before that.
        max_attempts: How often a shard may be claimed.
        format: What a worker must know to compute it.
    """

    def __init__(
        self, connection: Connection, tenant: str, job_id: str, row: AnyRow, now: int
    ) -> None:
        self.tenant = tenant
        self.id = job_id
        self.now = now
        self.state: JobState = row.state
        self.started_at: int | None = row.started_at
        self.running_since: int | None = row.running_since
        self.spent_ms: int = row.spent_ms
        self.max_attempts: int = row.max_attempts
        self.format: int = row.format
        self._start_before: int | None = row.start_before
        self._retention_ms: int = row.retention_ms
        self._phase: str | None = row.phase
        self._progress: str | None = row.progress
        self._sequence: int = row.sequence
        self._changes: dict[str, object] = {}
        self._counted: Counter[tuple[CounterName, str]] = Counter()
        self._connection = connection

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self.state in TERMINAL_STATES

    @property
    def is_late(self) -> bool:
        """Whether no worker has begun it in time."""
        return (
            self.state == "queued"
            and self.started_at is None
            and self._start_before is not None
            and self._start_before <= self.now
        )

    def record(self, kind: str, data: dict[str, JsonValue]) -> None:
        """Writes the next event."""
        self._sequence += 1
        self._connection.execute(
            events.insert().values(
                tenant=self.tenant,
                job_id=self.id,
                sequence=self._sequence,
                type=kind,
                at=self.now,
                data=json.dumps(data, allow_nan=False, separators=(",", ":")),
            )
        )

    def count_event(self, name: CounterName, label: str, by: int = 1) -> None:
        """Adds to a counter of the deployment."""
        self._counted[name, label] += by

    def change(self, **columns: object) -> None:
        """Sets columns of the row."""
        self._changes |= columns

    def move(self, state: JobState, error: JobError | None = None) -> None:
        """Enters a state that may follow the present one, and tells so."""
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"{self.state} job cannot become {state}")
        self.state = state
        self._label(state)
        data: dict[str, JsonValue] = {"state": state}
        if error is not None:
            data["error"] = {"code": error.code, "message": error.message}
            self.change(error=error.model_dump_json())
        self.record("state", data)
        if state == "queued":
            self._phase = self._progress = None
            self.change(queued_at=self.now)
        if state == "running" and self.started_at is None:
            self.started_at = self.now
        if state == "succeeded":
            self._progress = completed(self._progress)
        if state in TERMINAL_STATES:
            self._phase = None
            self.change(finished_at=self.now, expires_at=self.now + self._retention_ms)
            self.record("done", data)
            self.count_event("jobs_ended", state)
            announce_end(
                self._connection,
                self.tenant,
                self.id,
                state=state,
                error=error,
                now=self.now,
            )

    def _label(self, state: JobState) -> None:
        self._connection.execute(
            update(job_labels)
            .where(job_labels.c.tenant == self.tenant, job_labels.c.job_id == self.id)
            .values(state=state)
        )

    def lease_begins(self) -> None:
        """Starts the clock of the time limit, if no other shard is leased."""
        if self.running_since is None:
            self.running_since = self.now

    def lease_ends(self, at: int | None = None) -> None:
        """Stops the clock of the time limit, if no other shard is leased.

        Args:
            at: The last sign of life; None is now.
        """
        if self.running_since is not None and not self.count("running"):
            end = self.now if at is None else at
            self.spent_ms += max(0, end - self.running_since)
            self.running_since = None

    def charge(self, *which: ColumnElement[bool], until: int | None = None) -> None:
        """Counts the time of running shards that are about to be given up.

        Args:
            which: Conditions on the job's shards.
            until: The last sign of life; None is now.
        """
        spent_ms = charge(
            self._connection,
            self.tenant,
            shards.c.job_id == self.id,
            *which,
            until_ms=self.now if until is None else until,
        )
        self.count_event("device_milliseconds", "", spent_ms)

    def count(self, *states: str) -> int:
        """Returns the number of shards in one of these states."""
        return self._connection.execute(
            select(func.count()).where(
                shards.c.tenant == self.tenant,
                shards.c.job_id == self.id,
                shards.c.state.in_(states),
            )
        ).scalar_one()

    def drop_shards(self, *states: str) -> None:
        """Cancels the shards in one of these states; their leases end."""
        self.charge(shards.c.state.in_(states))
        if "running" in states:
            self.count_event("attempts", "dropped", self.count("running"))
        self._connection.execute(
            update(shards)
            .where(
                shards.c.tenant == self.tenant,
                shards.c.job_id == self.id,
                shards.c.state.in_(states),
            )
            .values(state="cancelled", token=None, lease_expires_at=None)
        )

    def end(self, state: JobState, error: JobError | None = None) -> None:
        """Ends the job in this state, and with it all its shards."""
        self.drop_shards("queued", "running")
        self.lease_ends()
        self.move(state, error)

    def rest(self) -> None:
        """Leaves `running` or `cancelling` if no shard is leased any more.

        A job that is to be cancelled waits for a report of the results that there are.
        """
        if self.is_over or self.count("running"):
            return
        if self.state == "running":
            self.move("queued")
        elif self.state == "cancelling" and not self._wants_report():
            self.move("cancelled")

    def cancel(self) -> None:
        """Asks the job to end: at once if no shard is leased or has left results."""
        if self.state == "queued" and not self.count("stored"):
            self.end("cancelled")
            return
        self.move("cancelling")
        self.drop_shards("queued")
        self.rest()

    def _wants_report(self) -> bool:
        """Returns whether a shard with results is queued now, for the report."""
        chosen = self._connection.execute(
            select(shards.c.id)
            .where(
                shards.c.tenant == self.tenant,
                shards.c.job_id == self.id,
                shards.c.state == "stored",
                shards.c.attempt < self.max_attempts,
            )
            .order_by(shards.c.attempt, shards.c.number)
            .limit(1)
        ).scalar_one_or_none()
        if chosen is None:
            return False
        self._connection.execute(
            update(shards)
            .where(shards.c.id == chosen)
            .values(state="queued", published_at=None)
        )
        return True

    def advance(self) -> None:
        """Puts phase and progress together from the shards', and tells of changes."""
        rows = self._connection.execute(
            select(shards.c.state, shards.c.phase, shards.c.progress).where(
                shards.c.tenant == self.tenant, shards.c.job_id == self.id
            )
        ).all()
        phase, progress = combine(
            [
                ShardProgress(
                    state=row.state,
                    phase=row.phase,
                    progress=read_progress(row.progress),
                )
                for row in rows
            ]
        )
        if phase is None:
            return
        if phase != self._phase:
            self._phase, self._progress = phase, None
            self.record("phase", {"phase": phase})
        if progress is not None and progress.model_dump_json() != self._progress:
            self._progress = progress.model_dump_json()
            self.record("progress", {"phase": phase, **progress.model_dump()})

    def save(self) -> None:
        """Writes the row."""
        attempt = select(func.max(shards.c.attempt)).where(
            shards.c.tenant == self.tenant, shards.c.job_id == self.id
        )
        self._connection.execute(
            update(jobs)
            .where(jobs.c.tenant == self.tenant, jobs.c.id == self.id)
            .values(
                state=self.state,
                phase=self._phase,
                progress=self._progress,
                attempt=attempt.scalar_subquery(),
                started_at=self.started_at,
                running_since=self.running_since,
                spent_ms=self.spent_ms,
                sequence=self._sequence,
                **self._changes,
            )
        )
        # All transactions take these rows in one order, and last.
        for (name, label), number in sorted(self._counted.items()):
            if number:
                count(self._connection, name, label, number)


@contextmanager
def lock_job(
    connection: Connection, tenant: str, job_id: str, *, skip_locked: bool = False
) -> Generator[LockedJob | None]:
    """Yields the job, locked; None if there is none, or it is skipped."""
    row = connection.execute(
        select(*_LOCKED)
        .where(
            jobs.c.tenant == tenant, jobs.c.id == job_id, jobs.c.deleted_at.is_(None)
        )
        .with_for_update(skip_locked=skip_locked, key_share=True)
    ).one_or_none()
    if row is None:
        yield None
        return
    now = connection.execute(select(now_ms())).scalar_one()
    job = LockedJob(connection, tenant, job_id, row, now)
    yield job
    job.save()
