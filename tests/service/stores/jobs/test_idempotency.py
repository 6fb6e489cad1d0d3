import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from service.errors import IdempotencyKeyReused, JobNotFound
from service.stores.bundle import Stores
from service.stores.jobs.idempotency import KEPT_MS, IdempotencyKey
from service.stores.sql.database import read, write
from service.stores.sql.tables import idempotency_keys
from tests.support.jobs import BROKEN, claim, new_job

KEY = IdempotencyKey(name="once", fingerprint="a" * 64)
OTHER = IdempotencyKey(name="once", fingerprint="b" * 64)


def aged(stores: Stores, milliseconds: int) -> None:
    """Makes all keys older."""
    with write(stores.engine) as connection:
        created_at = idempotency_keys.c.created_at
        connection.execute(
            update(idempotency_keys).values(created_at=created_at - milliseconds)
        )


def test_a_key_makes_one_job_and_gives_it_as_it_was_created(stores: Stores) -> None:
    made = stores.jobs.create(new_job(idempotency_key=KEY))
    stores.shards.fail(claim(stores, made.shard_ids[0]).token, BROKEN)
    for again in (
        stores.jobs.create(new_job(idempotency_key=KEY)),
        stores.jobs.created_before("ada", KEY),
    ):
        assert again is not None
        assert again.replayed
        assert again.shard_ids == []
        assert again.record == made.record
    assert stores.jobs.get("ada", made.record.id).state == "failed"


def test_requests_at_once_make_one_job(stores: Stores) -> None:
    together = threading.Barrier(8)

    def attempt(_: int) -> tuple[str, bool]:
        together.wait()
        created = stores.jobs.create(new_job(idempotency_key=KEY))
        return created.record.id, created.replayed

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(attempt, range(8)))
    assert len({job_id for job_id, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1
    assert stores.jobs.usage("ada").active_jobs == 1


def test_a_key_is_for_one_request_of_one_tenant(stores: Stores) -> None:
    ours = stores.jobs.create(new_job(idempotency_key=KEY)).record
    with pytest.raises(IdempotencyKeyReused):
        stores.jobs.create(new_job(idempotency_key=OTHER))
    with pytest.raises(IdempotencyKeyReused):
        stores.jobs.created_before("ada", OTHER)
    assert stores.jobs.created_before("eve", KEY) is None
    theirs = stores.jobs.create(new_job(tenant="eve", idempotency_key=OTHER)).record
    assert theirs.id != ours.id
    assert stores.jobs.usage("ada").active_jobs == 1


def test_a_key_does_not_make_a_deleted_job_again(stores: Stores) -> None:
    made = stores.jobs.create(new_job(idempotency_key=KEY))
    stores.jobs.request_cancel("ada", made.record.id)
    stores.jobs.delete("ada", made.record.id)
    with pytest.raises(JobNotFound):
        stores.jobs.create(new_job(idempotency_key=KEY))
    stores.recovery.remove(stores.recovery.removable()[0])
    with pytest.raises(JobNotFound):
        stores.jobs.create(new_job(idempotency_key=KEY))


def test_a_key_is_forgotten_after_a_day(stores: Stores) -> None:
    first = stores.jobs.create(new_job(idempotency_key=KEY)).record
    aged(stores, KEPT_MS - 60_000)
    assert stores.recovery.forget() == 0
    assert stores.jobs.create(new_job(idempotency_key=KEY)).replayed
    aged(stores, 60_000)
    assert stores.jobs.created_before("ada", KEY) is None
    second = stores.jobs.create(new_job(idempotency_key=OTHER))
    assert not second.replayed
    assert second.record.id != first.id
    aged(stores, KEPT_MS)
    assert stores.recovery.forget() == 1
    with read(stores.engine) as connection:
        assert connection.execute(select(idempotency_keys)).all() == []


def test_a_refused_job_leaves_its_key_free(stores: Stores) -> None:
    with pytest.raises(Exception, match="not there"):
        stores.jobs.create(new_job(idempotency_key=OTHER, file_ids=("file_0",)))
    assert not stores.jobs.create(new_job(idempotency_key=KEY)).replayed
