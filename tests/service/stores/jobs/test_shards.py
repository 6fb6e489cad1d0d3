import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from service.schemas.jobs import Progress
from service.schemas.specifications import FORMAT
from service.stores.bundle import Stores
from service.stores.jobs.events import NewEvent
from service.stores.jobs.leases import refusals
from service.stores.sql.database import write
from service.stores.sql.tables import jobs, shards
from tests.support.jobs import BROKEN, claim, create_job, finish


def iterations(
    done: int, total: int = 10, *, eta_seconds: float | None = None
) -> Progress:
    return Progress(
        done=done,
        total=total,
        unit="iterations",
        fraction=done / total,
        eta_seconds=eta_seconds,
    )


def states(stores: Stores, job_id: str) -> list[str]:
    """The states that a job's events tell of, in order."""
    return [
        str(event.data["state"])
        for event in stores.events.list("ada", job_id)
        if event.type == "state"
    ]


def let_expire(stores: Stores, token: str) -> None:
    """Ends a lease as time would."""
    with write(stores.engine) as connection:
        connection.execute(
            update(shards).where(shards.c.token == token).values(lease_expires_at=1)
        )


def test_a_newer_job_is_left_to_newer_workers(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    announced = stores.recovery.take_unannounced
    assert list(announced(queue_is_empty=False)) == [shard]
    assert list(announced(queue_is_empty=False)) == []
    with write(stores.engine) as connection:
        connection.execute(update(jobs).values(format=FORMAT + 1))
    for worker in ("old", "older", "old"):
        assert stores.shards.claim(shard, worker=worker, lease_seconds=60) is None
    waiting = stores.jobs.get("ada", job.id)
    assert (waiting.state, waiting.attempt) == ("queued", 0)
    logged = [it for it in stores.events.list("ada", job.id) if it.type == "log"]
    assert len(logged) == 1
    assert "newer version" in str(logged[0].data["message"])
    assert list(announced(queue_is_empty=False)) == [shard]
    with write(stores.engine) as connection:
        connection.execute(update(jobs).values(format=FORMAT))
    assert claim(stores, shard).attempt == 1


def test_a_claim_has_what_the_worker_needs(stores: Stores) -> None:
    job, [first, second] = create_job(stores, shards=2, labels={"a": "b"})
    claimed = claim(stores, second)
    assert (claimed.tenant, claimed.job_id, claimed.shard_id) == ("ada", job.id, second)
    assert (claimed.number, claimed.first, claimed.count) == (1, 2, 2)
    assert (claimed.attempt, claimed.max_attempts) == (1, 3)
    assert claimed.specification.starts == job.request.starts
    assert 3599 < claimed.seconds_left <= 3600
    assert claimed.files == ()
    assert not claimed.has_results
    running = stores.jobs.get("ada", job.id)
    assert running.state == "running"
    assert running.started_at == claimed.job_started_at
    assert claim(stores, first).job_started_at == running.started_at


def test_only_waiting_shards_are_to_be_had(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    claim(stores, shard)
    assert stores.shards.claim(shard, worker="x", lease_seconds=60) is None
    assert stores.shards.claim("shard_0", worker="x", lease_seconds=60) is None
    job, [other] = create_job(stores)
    stores.jobs.request_cancel("ada", job.id)
    assert stores.shards.claim(other, worker="x", lease_seconds=60) is None


def test_one_of_many_claimers_wins(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    together = threading.Barrier(8)

    def attempt(worker: int) -> bool:
        together.wait()
        claimed = stores.shards.claim(shard, worker=str(worker), lease_seconds=60)
        return claimed is not None

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 1


def test_one_of_many_finishers_assembles(stores: Stores) -> None:
    job, ids = create_job(stores, shards=6)
    tokens = [claim(stores, shard).token for shard in ids]
    together = threading.Barrier(6)

    def attempt(token: str) -> bool:
        together.wait()
        return stores.shards.store_results(token) and finish(stores, token)

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(attempt, tokens)) == 1
    assert stores.jobs.get("ada", job.id).state == "succeeded"
    assert stores.shards.stored_shards("ada", job.id) == list(range(6))


def test_a_job_of_one_shard_succeeds(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    stores.shards.renew(token, lease_seconds=60, phase="searching")
    stores.shards.renew(token, lease_seconds=60, progress=iterations(3))
    assert stores.jobs.get("ada", job.id).progress == iterations(3)
    assert stores.shards.store_results(token)
    assert finish(stores, token)
    ended = stores.jobs.get("ada", job.id)
    assert ended.state == "succeeded"
    assert ended.phase is None
    assert ended.progress == iterations(10, eta_seconds=0.0)
    assert ended.result is not None
    assert ended.result.outcome == "ok"
    assert ended.environment is not None
    assert ended.finished_at is not None
    assert ended.expires_at is not None
    assert (ended.expires_at - ended.finished_at).days == 30
    assert states(stores, job.id) == ["queued", "running", "succeeded"]


def test_the_job_stays_running_between_its_shards(stores: Stores) -> None:
    job, [first, second] = create_job(stores, shards=2)
    token = claim(stores, first).token
    assert not stores.shards.store_results(token)
    assert stores.jobs.get("ada", job.id).state == "running"
    token = claim(stores, second).token
    assert stores.shards.store_results(token)
    assert finish(stores, token)
    assert states(stores, job.id) == ["queued", "running", "succeeded"]


def test_progress_is_that_of_all_shards(stores: Stores) -> None:
    job, ids = create_job(stores, shards=3)
    tokens = [claim(stores, shard).token for shard in ids[:2]]
    for token, done in zip(tokens, (2, 6), strict=True):
        stores.shards.renew(
            token, lease_seconds=60, phase="searching", progress=iterations(done)
        )
    assert stores.jobs.get("ada", job.id).progress == iterations(8, 30)
    stores.shards.renew(tokens[1], lease_seconds=60, phase="classifying")
    seen = stores.jobs.get("ada", job.id)
    assert seen.phase == "searching"
    assert seen.progress == iterations(12, 30)


def test_finish_waits_for_the_other_shards(stores: Stores) -> None:
    _, [first, _] = create_job(stores, shards=2)
    token = claim(stores, first).token
    with pytest.raises(ValueError, match="store_results"):
        finish(stores, token)


def test_renewing_tells_what_happened(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    stores.shards.renew(
        token,
        lease_seconds=60,
        phase="searching",
        progress=iterations(1),
        events=[NewEvent(type="point", data={"start": 4})],
    )
    told = [(e.type, e.data) for e in stores.events.list("ada", job.id, after=3)]
    assert told == [
        ("point", {"shard": 0, "start": 4}),
        ("phase", {"phase": "searching"}),
        ("progress", {"phase": "searching", **iterations(1).model_dump()}),
    ]


def test_a_failed_shard_ends_the_job_and_the_other_shards(stores: Stores) -> None:
    job, ids = create_job(stores, shards=3)
    failing, running = (claim(stores, shard).token for shard in ids[:2])
    assert stores.shards.fail(failing, BROKEN)
    ended = stores.jobs.get("ada", job.id)
    assert (ended.state, ended.error) == ("failed", BROKEN)
    assert stores.shards.renew(running, lease_seconds=60) is None
    assert stores.shards.claim(ids[2], worker="x", lease_seconds=60) is None
    assert not stores.shards.store_results(running)


def test_a_released_shard_keeps_its_attempts(stores: Stores) -> None:
    job, [shard] = create_job(stores, max_attempts=1)
    assert stores.shards.release(claim(stores, shard).token)
    waiting = stores.jobs.get("ada", job.id)
    assert (waiting.state, waiting.attempt) == ("queued", 0)
    assert claim(stores, shard).attempt == 1


def test_an_assembler_that_drains_leaves_its_results(stores: Stores) -> None:
    job, [first, second] = create_job(stores, shards=2)
    stores.shards.store_results(claim(stores, first).token)
    token = claim(stores, second).token
    assert stores.shards.store_results(token)
    assert stores.shards.release(token)
    assert stores.jobs.get("ada", job.id).state == "queued"
    again = claim(stores, second)
    assert again.has_results
    assert stores.shards.store_results(again.token)
    assert finish(stores, again.token)


def test_a_lost_lease_writes_nothing_and_is_counted(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    let_expire(stores, token)
    before = stores.jobs.get("ada", job.id)
    assert stores.shards.renew(token, lease_seconds=60, phase="searching") is None
    assert not stores.shards.store_results(token)
    assert not finish(stores, token)
    assert not stores.shards.fail(token, BROKEN)
    assert not stores.shards.release(token)
    assert not stores.shards.fail("nonsense", BROKEN)
    assert stores.jobs.get("ada", job.id) == before
    assert not stores.shards.abandon(token)
    counted = {"store_results": 1, "finish": 1, "fail": 2, "release": 1, "abandon": 1}
    assert refusals(stores.engine) == counted


def test_an_abandoned_shard_is_to_be_had_again(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    token = claim(stores, shard).token
    assert stores.shards.abandon(token)
    assert stores.shards.renew(token, lease_seconds=60) is None
    assert stores.recovery.reap() == 1
    assert claim(stores, shard).attempt == 2
    assert refusals(stores.engine) == {}


def test_an_old_token_is_refused_while_the_new_one_works(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    old = claim(stores, shard).token
    let_expire(stores, old)
    assert stores.recovery.reap() == 1
    new = claim(stores, shard)
    assert new.attempt == 2
    assert not stores.shards.store_results(old)
    assert stores.shards.renew(old, lease_seconds=60) is None
    assert stores.shards.renew(new.token, lease_seconds=60) is not None


def test_cancelling_a_running_job_keeps_what_there_is(stores: Stores) -> None:
    job, ids = create_job(stores, shards=3)
    tokens = [claim(stores, shard).token for shard in ids[:2]]
    assert stores.jobs.request_cancel("ada", job.id).state == "cancelling"
    assert stores.shards.claim(ids[2], worker="x", lease_seconds=60) is None
    renewal = stores.shards.renew(tokens[0], lease_seconds=60)
    assert renewal is not None
    assert renewal.cancel_requested
    assert not stores.shards.store_results(tokens[0])
    assert stores.shards.store_results(tokens[1])
    assert stores.shards.stored_shards("ada", job.id) == [0, 1]
    assert finish(stores, tokens[1])
    ended = stores.jobs.get("ada", job.id)
    assert ended.state == "cancelled"
    assert ended.result is not None
    assert states(stores, job.id) == ["queued", "running", "cancelling", "cancelled"]


def test_a_cancelled_shard_without_results_is_released(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    stores.jobs.request_cancel("ada", job.id)
    assert stores.shards.release(token)
    ended = stores.jobs.get("ada", job.id)
    assert (ended.state, ended.result) == ("cancelled", None)


def test_a_released_shard_leaves_the_report_to_one_with_results(
    stores: Stores,
) -> None:
    job, [first, second] = create_job(stores, shards=2)
    stores.shards.store_results(claim(stores, first).token)
    token = claim(stores, second).token
    assert stores.jobs.request_cancel("ada", job.id).state == "cancelling"
    assert stores.shards.release(token)
    assert stores.jobs.get("ada", job.id).state == "cancelling"
    assert stores.shards.claim(second, worker="w", lease_seconds=60) is None
    # One that is released while it assembles does not lose its results.
    assert stores.shards.release(claim(stores, first).token)
    last = claim(stores, first)
    assert last.has_results
    assert stores.shards.store_results(last.token)
    assert finish(stores, last.token)
    ended = stores.jobs.get("ada", job.id)
    assert (ended.state, ended.result is not None) == ("cancelled", True)


def test_the_time_limit_counts_running_time_of_all_attempts(stores: Stores) -> None:
    job, [shard] = create_job(stores, time_limit_seconds=100)
    token = claim(stores, shard).token
    with write(stores.engine) as connection:  # it began 30 s ago
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(running_since=jobs.c.running_since - 30_000)
        )
    stores.shards.release(token)
    with write(stores.engine) as connection:  # and has waited for 50 s since
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(
                started_at=jobs.c.started_at - 50_000,
                queued_at=jobs.c.queued_at - 50_000,
            )
        )
    assert 65 < claim(stores, shard).seconds_left < 70.01


def test_a_lost_worker_is_charged_until_its_last_sign(stores: Stores) -> None:
    job, [shard] = create_job(stores, time_limit_seconds=100)
    token = claim(stores, shard).token
    with write(stores.engine) as connection:  # 60 s ago, and silent for the last 40 s
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(running_since=jobs.c.running_since - 60_000)
        )
        connection.execute(
            update(shards)
            .where(shards.c.token == token)
            .values(renewed_at=shards.c.renewed_at - 40_000, lease_expires_at=1)
        )
    stores.recovery.reap()
    assert 75 < claim(stores, shard).seconds_left < 80.01


def test_the_time_limit_s_clock_runs_until_the_last_shard_rests(
    stores: Stores,
) -> None:
    job, [first, second] = create_job(stores, shards=2, time_limit_seconds=100)
    tokens = [claim(stores, shard).token for shard in (first, second)]
    stores.shards.release(tokens[0])
    with write(stores.engine) as connection:  # the other one ran on for 30 s
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id)
            .values(running_since=jobs.c.running_since - 30_000)
        )
    stores.shards.release(tokens[1])
    assert 65 < claim(stores, first).seconds_left < 70.01
