from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from sqlalchemy.exc import OperationalError

from service.schemas.jobs import Progress
from service.settings import Settings
from service.stores.jobs.events import NewEvent
from service.stores.jobs.shards import Renewal, ShardStore
from tests.support.servers.waiting import until
from worker.supervisor.lease import Lease, LeaseLost

SETTINGS = Settings(lease_seconds=60, renew_seconds=0.05, self_fence_seconds=0.5)


@dataclass
class Shards:
    """Renewals of one shard, and a database that may be away."""

    answer: Renewal | None
    away: bool = False
    failures: int = 0
    told: list[tuple[str | None, int | None, int]] = field(default_factory=list)

    def renew(
        self,
        token: str,
        *,
        lease_seconds: float,
        phase: str | None = None,
        progress: Progress | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Renewal | None:
        assert token
        assert lease_seconds == 60
        if self.away:
            self.failures += 1
            raise OperationalError("renew", None, ConnectionError())
        self.told.append((phase, progress and progress.done, len(events)))
        return self.answer


@pytest.fixture
def shards() -> Shards:
    return Shards(answer=Renewal(cancel_requested=False))


def lease(shards: Shards) -> Lease:
    return Lease(cast("ShardStore", shards), "token", SETTINGS)


def progress(done: int) -> Progress:
    return Progress(
        done=done, total=10, unit="iterations", fraction=done / 10, eta_seconds=None
    )


POINT = NewEvent(type="point", data={})


def test_renews_without_news(shards: Shards) -> None:
    with lease(shards) as kept:
        until(lambda: len(shards.told) > 3, what="renewals")
        kept.check()
    count = len(shards.told)
    assert shards.told == [(None, None, 0)] * count


def test_every_phase_is_told_with_what_happened_in_it(shards: Shards) -> None:
    with lease(shards) as kept:
        kept.report(phase="searching")
        kept.report(progress=progress(1))
        kept.report(progress=progress(2))
        kept.report(phase="classifying")
        kept.report(event=POINT)
        kept.report(event=POINT)
        kept.flush()
    phases = [phase for phase, _, _ in shards.told if phase]
    assert phases == ["searching", "classifying"]
    assert [done for _, done, _ in shards.told if done][-1] == 2
    assert sum(events for _, _, events in shards.told) == 2


def test_news_outlast_an_outage(shards: Shards) -> None:
    shards.away = True
    with lease(shards) as kept:
        kept.report(phase="searching")
        kept.report(event=POINT)
        until(lambda: shards.failures, what="a failure")
        shards.away = False
        until(lambda: ("searching", None, 1) in shards.told, what="the news")


def test_cancellation_is_seen(shards: Shards) -> None:
    with lease(shards) as kept:
        assert not kept.cancel_requested
        shards.answer = Renewal(cancel_requested=True)
        until(lambda: kept.cancel_requested, what="the request")


def test_lost_lease_is_seen(shards: Shards) -> None:
    with lease(shards) as kept:
        shards.answer = None
        with pytest.raises(LeaseLost):
            until(kept.check, what="the loss")


def test_silence_is_a_loss(shards: Shards) -> None:
    shards.away = True
    with lease(shards) as kept, pytest.raises(LeaseLost):
        until(kept.check, what="the fence")


def test_write_waits_for_the_database(shards: Shards) -> None:
    answers = [OperationalError("finish", None, ConnectionError()), True]

    def write() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with lease(shards) as kept:
        assert kept.persist(write)
    assert not answers
