from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from service.errors import QuotaExceeded
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.sql.database import read, write
from service.stores.sql.tables import device_use, shards
from tests.support.jobs import BROKEN, claim, create_job, finish


@pytest.fixture
def thrifty(engine: Engine, tmp_path: Path, database_url: str) -> Iterator[Stores]:
    """Stores with a quota of a minute."""
    del engine
    settings = Settings(
        data_dir=tmp_path, database_url=database_url, quota_device_seconds=60_000
    )
    opened = open_stores(settings)
    yield opened
    opened.engine.dispose()


def held(stores: Stores, shard_id: str, kiloseconds: int) -> None:
    """Lets a running shard have been claimed so long ago that no test takes as long."""
    with write(stores.engine) as connection:
        earlier = shards.c.claimed_at - 1_000_000 * kiloseconds
        connection.execute(
            update(shards).where(shards.c.id == shard_id).values(claimed_at=earlier)
        )


def used(stores: Stores) -> int:
    return stores.jobs.usage("ada").device_seconds // 1000


def test_every_end_of_a_lease_is_counted_once(stores: Stores) -> None:
    job, [first, second, third] = create_job(stores, shards=3)
    tokens = [claim(stores, it).token for it in (first, second, third)]
    for shard_id, kiloseconds in ((first, 10), (second, 20), (third, 40)):
        held(stores, shard_id, kiloseconds)
    assert used(stores) == 70
    stores.shards.store_results(tokens[0])
    assert used(stores) == 70
    stores.shards.release(tokens[1])
    assert used(stores) == 70
    assert stores.shards.fail(tokens[2], BROKEN)
    assert used(stores) == 70
    assert stores.jobs.get("ada", job.id).state == "failed"
    assert stores.jobs.usage("eve").device_seconds == 0


def test_a_failure_ends_the_other_shards_on_the_bill(stores: Stores) -> None:
    _, [first, second] = create_job(stores, shards=2)
    token = claim(stores, first).token
    claim(stores, second)
    held(stores, second, 30)
    assert stores.shards.fail(token, BROKEN)
    assert used(stores) == 30


def test_a_lost_worker_is_counted_to_its_last_sign_of_life(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    claim(stores, shard, lease_seconds=0)
    with write(stores.engine) as connection:
        connection.execute(
            update(shards).values(
                claimed_at=shards.c.claimed_at - 100_000_000,
                renewed_at=shards.c.renewed_at - 75_000_000,
            )
        )
    assert stores.recovery.reap() == 1
    assert used(stores) == 25


def test_finished_work_is_counted(stores: Stores) -> None:
    _, [shard] = create_job(stores)
    token = claim(stores, shard).token
    held(stores, shard, 5)
    assert stores.shards.store_results(token)
    assert finish(stores, token)
    assert used(stores) == 5


def test_no_job_is_taken_beyond_the_quota(thrifty: Stores) -> None:
    _, [shard] = create_job(thrifty)
    token = claim(thrifty, shard).token
    held(thrifty, shard, 59)
    create_job(thrifty)
    held(thrifty, shard, 1)
    with pytest.raises(QuotaExceeded, match="60000 seconds"):
        create_job(thrifty)
    assert thrifty.shards.fail(token, BROKEN)
    with pytest.raises(QuotaExceeded):
        create_job(thrifty)
    create_job(thrifty, tenant="eve")
    with write(thrifty.engine) as connection:
        connection.execute(update(device_use).values(day=device_use.c.day - 29))
    with pytest.raises(QuotaExceeded):
        create_job(thrifty)
    with write(thrifty.engine) as connection:
        connection.execute(update(device_use).values(day=device_use.c.day - 1))
    create_job(thrifty)
    assert thrifty.recovery.forget() == 1
    with read(thrifty.engine) as connection:
        assert connection.execute(select(device_use)).all() == []
