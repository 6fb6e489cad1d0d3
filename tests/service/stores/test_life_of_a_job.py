"""Random lives of jobs: workers claim, freeze, drain, fail and finish in any order."""

import json
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings as profile, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection

from service.schemas.jobs import TERMINAL_STATES, TRANSITIONS, JobState, Progress
from service.stores.bundle import Stores
from service.stores.sql.database import read, write
from service.stores.sql.tables import events, fenced_writes, jobs, shards
from tests.support.jobs import BROKEN, create_job, finish
from tests.support.servers.databases import empty

MAX_ATTEMPTS = 2
RARELY = st.sampled_from([False] * 7 + [True])


@dataclass
class Worker:
    """One attempt as its worker believes it to be."""

    token: str
    shard_id: str
    assembles: bool = False
    lost: bool = False


class JobLife(RuleBasedStateMachine):
    """A model of who holds which shard, beside the real stores."""

    stores: Stores

    @initialize(count=st.sampled_from([2, 3, 1]))
    def create(self, count: int) -> None:
        empty(self.stores.engine)
        job, self.shard_ids = create_job(
            self.stores, shards=count, max_attempts=MAX_ATTEMPTS
        )
        self.job_id = job.id
        self.workers: list[Worker] = []
        self.assembler: str | None = None
        self.ended_as: JobState | None = None
        self.finished = 0
        self.refused = 0
        self.seen: list[JobState] = ["queued"]
        self.claim_all()

    @rule()
    def claim_all(self) -> None:
        for shard_id in self.shard_ids:
            self.claim(shard_id)

    @rule(number=st.integers(0, 2))
    def claim_one(self, number: int) -> None:
        self.claim(self.shard_ids[number % len(self.shard_ids)])

    def claim(self, shard_id: str) -> None:
        claimed = self.stores.shards.claim(shard_id, worker="w", lease_seconds=1000)
        if claimed is not None:
            assert self.ended_as is None
            assert not self.holders(shard_id)
            assert claimed.attempt <= MAX_ATTEMPTS
            assembles = shard_id == self.assembler
            self.workers.append(Worker(claimed.token, shard_id, assembles))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), done=st.integers(0, 10))
    def renew(self, data: st.DataObject, done: int) -> None:
        worker = self.pick(data)
        renewal = self.stores.shards.renew(
            worker.token,
            lease_seconds=1000,
            phase="searching",
            progress=Progress(
                done=done,
                total=10,
                unit="iterations",
                fraction=done / 10,
                eta_seconds=None,
            ),
        )
        assert (renewal is None) == worker.lost
        if renewal is not None:
            cancelling = self.state() == "cancelling"
            assert renewal.cancel_requested == cancelling

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def store_results(self, data: st.DataObject) -> None:
        worker = self.pick(data)
        assembles = self.stores.shards.store_results(worker.token)
        self.expect_refusal(worker)
        if assembles:
            assert not worker.lost
            assert [w for w in self.workers if not w.lost] == [worker]
            worker.assembles = True
            self.assembler = worker.shard_id
        else:
            worker.lost = True

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        worker = self.pick(data)
        if not worker.assembles and not worker.lost:
            with pytest.raises(ValueError, match="store_results"):
                finish(self.stores, worker.token)
            return
        ended = finish(self.stores, worker.token)
        assert ended != worker.lost
        self.expect_refusal(worker)
        self.finished += ended
        if ended:
            self.lose_all()

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), really=RARELY)
    def fail(self, data: st.DataObject, really: bool) -> None:  # noqa: FBT001
        if not really:
            return
        worker = self.pick(data)
        assert self.stores.shards.fail(worker.token, BROKEN) != worker.lost
        self.expect_refusal(worker)
        if not worker.lost:
            self.lose_all()

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        worker = self.pick(data)
        assert self.stores.shards.release(worker.token) != worker.lost
        self.expect_refusal(worker)
        worker.lost = True

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def freeze(self, data: st.DataObject) -> None:
        """Its lease runs out; nobody has noticed yet."""
        worker = self.pick(data)
        with write(self.stores.engine) as connection:
            connection.execute(
                update(shards)
                .where(shards.c.token == worker.token)
                .values(lease_expires_at=1)
            )
        worker.lost = True

    @rule()
    def reap(self) -> None:
        self.stores.recovery.reap()
        if self.state() in TERMINAL_STATES:
            self.lose_all()

    @precondition(lambda self: self.workers)
    @rule(really=RARELY)
    def cancel(self, really: bool) -> None:  # noqa: FBT001
        if not really:
            return
        before = self.state()
        after = self.stores.jobs.request_cancel("ada", self.job_id).state
        assert after == before or after in {"cancelling", "cancelled"}

    @invariant()
    def everything_agrees(self) -> None:
        with read(self.stores.engine) as connection:
            job = connection.execute(select(jobs)).one()
            rows = connection.execute(select(shards)).all()
            told = connection.execute(select(events).order_by(events.c.sequence)).all()
            counted = connection.execute(select(fenced_writes.c.refused)).scalars()
            assert sum(counted) == self.refused
        assert [one.sequence for one in told] == list(range(1, len(told) + 1))
        assert job.sequence == len(told)
        self.the_state_moves_along_the_table(
            [json.loads(one.data)["state"] for one in told if one.type == "state"]
        )
        assert job.state == self.seen[-1]
        assert job.attempt == max(row.attempt for row in rows)
        assert all(0 <= row.attempt <= MAX_ATTEMPTS for row in rows)
        self.shards_agree_with_the_job(job.state, {row.state for row in rows})
        assert all(len(self.holders(shard_id)) <= 1 for shard_id in self.shard_ids)
        self.an_end_is_final(job.state)

    def the_state_moves_along_the_table(self, states: list[JobState]) -> None:
        assert states[: len(self.seen)] == self.seen
        assert all(after in TRANSITIONS[before] for before, after in pairwise(states))
        self.seen = states

    def shards_agree_with_the_job(self, state: JobState, states: set[str]) -> None:
        if state in TERMINAL_STATES:
            assert not states & {"queued", "running"}
        if state == "queued":
            assert "running" not in states
            assert "queued" in states
        if state == "running":
            assert states & {"queued", "running"}
        if state == "cancelling":
            # The queued one has results, and waits for somebody to assemble a report.
            assert len(states & {"running", "queued"}) == 1

    def an_end_is_final(self, state: JobState) -> None:
        if self.ended_as is not None:
            assert state == self.ended_as
        elif state in TERMINAL_STATES:
            self.ended_as = state
        assert self.finished <= 1
        assert (state == "succeeded") <= (self.finished == 1)

    def state(self) -> JobState:
        with read(self.stores.engine) as connection:
            return connection.execute(select(jobs.c.state)).scalar_one()

    def holders(self, shard_id: str) -> list[Worker]:
        return [w for w in self.workers if w.shard_id == shard_id and not w.lost]

    def pick(self, data: st.DataObject) -> Worker:
        """A worker, more often one of the last, which are less often lost."""
        return data.draw(st.sampled_from(self.workers[-3:] + self.workers[::-1]))

    def expect_refusal(self, worker: Worker) -> None:
        self.refused += worker.lost

    def lose_all(self) -> None:
        for worker in self.workers:
            worker.lost = True


def without_synchronising(connection: DBAPIConnection, _record: object) -> None:
    connection.cursor().execute("PRAGMA synchronous = OFF")


@pytest.mark.slow
@pytest.mark.timeout(600)  # to find the shortest life that fails
def test_no_order_of_events_breaks_a_job(stores: Stores) -> None:
    if stores.engine.dialect.name == "sqlite":
        event.listen(stores.engine, "connect", without_synchronising)

    class Life(JobLife):
        pass

    Life.stores = stores
    run_state_machine_as_test(
        Life,
        settings=profile(
            max_examples=60 if stores.engine.dialect.name == "sqlite" else 12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
