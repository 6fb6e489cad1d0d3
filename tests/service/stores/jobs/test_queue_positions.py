from service.stores.bundle import Stores
from service.stores.jobs.records import JobRecord
from tests.support.jobs import claim, create_job


def places(stores: Stores, *jobs: JobRecord) -> list[int | None]:
    return [stores.jobs.get(job.tenant, job.id).queue_position for job in jobs]


def test_jobs_wait_behind_earlier_ones_and_higher_priorities(stores: Stores) -> None:
    low, _ = create_job(stores, priority="low")
    first, [shard] = create_job(stores)
    second, _ = create_job(stores, tenant="eve")
    high, _ = create_job(stores, priority="high")
    assert [job.queue_position for job in (low, first, second, high)] == [0, 0, 1, 0]
    assert places(stores, high, first, second, low) == [0, 1, 2, 3]
    claim(stores, shard)
    assert places(stores, high, first, second, low) == [0, None, 1, 2]
    stores.jobs.request_cancel("eve", second.id)
    assert places(stores, second, low) == [None, 1]
    listed, _ = stores.jobs.list("ada", limit=10)
    assert [job.queue_position for job in listed] == [0, None, 1]


def test_a_job_that_lost_its_worker_keeps_its_place(stores: Stores) -> None:
    first, [shard] = create_job(stores)
    second, _ = create_job(stores)
    stores.shards.release(claim(stores, shard).token)
    assert places(stores, first, second) == [0, 1]
