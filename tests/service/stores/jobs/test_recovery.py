from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from service.errors import JobExpired, JobNotFound
from service.stores.bundle import Stores
from service.stores.sql.database import read, write
from service.stores.sql.tables import (
    events,
    job_files,
    job_labels,
    jobs,
    shards,
)
from tests.support.jobs import claim, create_job, finish


def announced_ago(stores: Stores, seconds: int) -> None:
    """Makes all messages this old."""
    with write(stores.engine) as connection:
        connection.execute(
            update(shards).values(published_at=shards.c.published_at - 1000 * seconds)
        )


def outlive(stores: Stores, job_id: str) -> None:
    """Lets a job's retention end."""
    with write(stores.engine) as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(expires_at=1))


def miss(stores: Stores, job_id: str) -> None:
    """Lets the deadline for a job's start pass."""
    with write(stores.engine) as connection:
        late = update(jobs).where(jobs.c.id == job_id).values(start_before=1)
        connection.execute(late)


def succeed(stores: Stores) -> str:
    job, [shard] = create_job(stores, labels={"a": "b"})
    token = claim(stores, shard).token
    stores.shards.store_results(token)
    finish(stores, token)
    return job.id


def test_a_lost_shard_is_queued_again_until_its_attempts_run_out(
    stores: Stores,
) -> None:
    job, [shard] = create_job(stores, max_attempts=2)
    claim(stores, shard, lease_seconds=0)
    assert stores.recovery.reap() == 1
    waiting = stores.jobs.get("ada", job.id)
    assert (waiting.state, waiting.attempt) == ("queued", 1)
    assert list(stores.recovery.take_unannounced(queue_is_empty=True)) == [shard]
    claim(stores, shard, lease_seconds=0)
    assert stores.recovery.reap() == 1
    ended = stores.jobs.get("ada", job.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("worker_lost", True)
    assert stores.recovery.reap() == 0


def test_a_job_runs_on_while_another_of_its_shards_does(stores: Stores) -> None:
    job, [first, second] = create_job(stores, shards=2)
    claim(stores, first)
    claim(stores, second, lease_seconds=0)
    assert stores.recovery.reap() == 1
    assert stores.jobs.get("ada", job.id).state == "running"
    assert claim(stores, second).attempt == 2
    assert stores.jobs.get("ada", job.id).attempt == 2


def test_a_lost_shard_of_a_cancelled_job_is_over(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    claim(stores, shard, lease_seconds=0)
    stores.jobs.request_cancel("ada", job.id)
    stores.recovery.reap()
    assert stores.jobs.get("ada", job.id).state == "cancelled"


def test_a_report_of_a_cancelled_job_is_tried_as_often_as_a_shard(
    stores: Stores,
) -> None:
    job, [first, second] = create_job(stores, shards=2, max_attempts=3)
    stores.shards.store_results(claim(stores, first).token)
    claim(stores, second, lease_seconds=0)
    stores.jobs.request_cancel("ada", job.id)
    stores.recovery.reap()
    for attempt in (2, 3):
        assert stores.jobs.get("ada", job.id).state == "cancelling"
        assert claim(stores, first, lease_seconds=0).attempt == attempt
        stores.recovery.reap()
    ended = stores.jobs.get("ada", job.id)
    assert (ended.state, ended.result) == ("cancelled", None)


def test_many_reapers_take_each_lease_once(stores: Stores) -> None:
    for _ in range(4):
        _, [shard] = create_job(stores)
        claim(stores, shard, lease_seconds=0)
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda _: stores.recovery.reap(), range(4)))
    assert sum(counts) + stores.recovery.reap() == 4


def test_a_shard_is_announced_once(stores: Stores) -> None:
    _, [first, second] = create_job(stores, shards=2)
    stores.shards.mark_published([first])
    assert list(stores.recovery.take_unannounced(queue_is_empty=True)) == [second]
    assert list(stores.recovery.take_unannounced(queue_is_empty=True)) == []
    stores.recovery.give_back_unannounced([second])
    assert list(stores.recovery.take_unannounced(queue_is_empty=True)) == [second]


def test_a_message_is_lost_if_the_queue_is_empty(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    stores.shards.mark_published([shard])
    announced_ago(stores, 31)
    take = stores.recovery.take_unannounced
    assert list(take(queue_is_empty=False)) == []
    assert list(take(queue_is_empty=True)) == [shard]
    assert list(take(queue_is_empty=True)) == []
    announced_ago(stores, 601)
    assert list(take(queue_is_empty=False)) == [shard]


def test_a_job_that_nobody_begins_expires(stores: Stores) -> None:
    late, [shard] = create_job(stores, start_within_seconds=60)
    create_job(stores, start_within_seconds=60)
    begun, [running] = create_job(stores, start_within_seconds=60)
    stores.shards.release(claim(stores, running).token)
    for job in (late, begun):
        miss(stores, job.id)
    assert stores.shards.claim(shard, worker="x", lease_seconds=60) is None
    assert stores.jobs.get("ada", late.id).state == "queued"
    assert stores.recovery.expire() == 1
    assert stores.jobs.get("ada", late.id).state == "expired"
    assert stores.jobs.get("ada", begun.id).state == "queued"
    assert stores.shards.claim(shard, worker="x", lease_seconds=60) is None


def test_a_job_that_outlived_its_retention_is_gone_for_good(stores: Stores) -> None:
    job_id = succeed(stores)
    assert stores.recovery.removable() == []
    outlive(stores, job_id)
    with pytest.raises(JobExpired):
        stores.jobs.get("ada", job_id)
    assert stores.jobs.list("ada", limit=10) == ([], None)
    [job] = stores.recovery.removable()
    assert stores.recovery.remove(job)
    assert not stores.recovery.remove(job)
    with pytest.raises(JobExpired):
        stores.jobs.get("ada", job_id)
    with pytest.raises(JobExpired):
        stores.events.list("ada", job_id)
    with pytest.raises(JobNotFound):
        stores.jobs.get("eve", job_id)
    with read(stores.engine) as connection:
        for table in (jobs, shards, events, job_labels, job_files):
            assert connection.execute(select(table)).all() == []


def test_a_deleted_job_is_not_found(stores: Stores) -> None:
    job_id = succeed(stores)
    stores.jobs.delete("ada", job_id)
    for _ in range(2):
        with pytest.raises(JobNotFound):
            stores.jobs.get("ada", job_id)
        assert stores.jobs.list("ada", limit=10) == ([], None)
        for job in stores.recovery.removable():
            stores.recovery.remove(job)


def test_a_job_in_use_is_not_removed(stores: Stores) -> None:
    create_job(stores)
    job_id = succeed(stores)
    outlive(stores, job_id)
    [job] = stores.recovery.removable()
    assert job.id == job_id
