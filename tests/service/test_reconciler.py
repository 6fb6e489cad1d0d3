import logging
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text, update

from service.errors import JobExpired, JobNotFound
from service.queue import InMemoryQueue
from service.reconciler import Reconciler
from service.schemas.priorities import Priority
from service.schemas.uploads import UploadRequest
from service.settings import Settings
from service.stores.blobs.base import report_key
from service.stores.bundle import Stores
from service.stores.sql.database import write
from service.stores.sql.tables import jobs, uploads
from tests.support.jobs import BROKEN, claim, create_job


@pytest.fixture
def broker() -> InMemoryQueue:
    return InMemoryQueue()


@pytest.fixture
def reconciler(stores: Stores, broker: InMemoryQueue, settings: Settings) -> Reconciler:
    brisk = settings.model_copy(update={"reconcile_seconds": 0.01})
    return Reconciler(stores, broker, brisk)


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_waiting_shards_are_published_once_the_broker_is_there(
    stores: Stores, broker: InMemoryQueue, reconciler: Reconciler
) -> None:
    _, shards = create_job(stores, shards=3)
    broker.available = False
    assert reconciler.run_once().published == 0
    broker.available = True
    assert reconciler.run_once().published == 3
    assert reconciler.run_once().published == 0
    assert broker.published == shards


def test_a_broker_that_fails_on_the_way_gets_the_rest_later(
    stores: Stores, settings: Settings
) -> None:
    _, shards = create_job(stores, shards=3)
    broker = Unsteady()
    reconciler = Reconciler(stores, broker, settings)
    assert reconciler.run_once().published == 1
    assert reconciler.run_once().published == 2
    assert broker.asked == [shards[0], shards[1], *shards[1:]]


class Unsteady:
    """A broker that is away for the second message."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def publish(self, shard_id: str, priority: Priority) -> bool:
        assert priority == "normal"
        self.asked.append(shard_id)
        return len(self.asked) != 2

    def ping(self) -> bool:
        return True

    def is_empty(self) -> bool:
        return not self.asked


def test_a_lost_shard_is_published_again_in_the_same_round(
    stores: Stores, broker: InMemoryQueue, reconciler: Reconciler
) -> None:
    _, [shard] = create_job(stores)
    stores.shards.mark_published([shard])
    claim(stores, shard, lease_seconds=0)
    done = reconciler.run_once()
    assert (done.reaped, done.published) == (1, 1)
    assert broker.published == [shard]


def test_deleted_and_expired_jobs_go_with_their_blobs(
    stores: Stores, reconciler: Reconciler
) -> None:
    kept, deleted, expired = (create_job(stores) for _ in range(3))
    for job, [shard] in (kept, deleted, expired):
        path = stores.blobs.scratch() / "report"
        path.write_bytes(b"{}")
        stores.blobs.adopt(report_key("ada", job.id), path)
        stores.shards.fail(claim(stores, shard).token, BROKEN)
    stores.jobs.delete("ada", deleted[0].id)
    with write(stores.engine) as connection:
        connection.execute(
            update(jobs).where(jobs.c.id == expired[0].id).values(expires_at=1)
        )
    assert reconciler.run_once().removed == 2
    assert stores.blobs.size(report_key("ada", kept[0].id)) == 2
    for (job, _), error in ((deleted, JobNotFound), (expired, JobExpired)):
        with pytest.raises(KeyError):
            stores.blobs.size(report_key("ada", job.id))
        with pytest.raises(error):
            stores.jobs.get("ada", job.id)
    assert reconciler.run_once().removed == 0


def test_jobs_that_nobody_began_expire(stores: Stores, reconciler: Reconciler) -> None:
    job, _ = create_job(stores, start_within_seconds=0)
    done = reconciler.run_once()
    assert (done.expired, done.published) == (1, 0)
    assert stores.jobs.get("ada", job.id).state == "expired"


def test_copies_share_the_work(
    stores: Stores, broker: InMemoryQueue, reconciler: Reconciler
) -> None:
    made = [create_job(stores) for _ in range(5)]
    for _, [shard] in made:
        claim(stores, shard, lease_seconds=0)
    copies = [
        threading.Thread(target=reconciler.run_once, daemon=True) for _ in range(4)
    ]
    for copy in copies:
        copy.start()
    for copy in copies:
        copy.join()
    reconciler.run_once()
    assert sorted(broker.published) == sorted(shard for _, [shard] in made)
    assert {stores.jobs.get("ada", job.id).state for job, _ in made} == {"queued"}


def test_it_lives_through_an_outage_of_the_database(
    stores: Stores,
    broker: InMemoryQueue,
    reconciler: Reconciler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    stop = threading.Event()
    with write(stores.engine) as connection:
        connection.execute(text("ALTER TABLE shards RENAME TO hidden"))
    thread = threading.Thread(target=reconciler.run, args=(stop,), daemon=True)
    thread.start()
    try:
        wait_for(lambda: "reconciling failed" in caplog.text)
        with write(stores.engine) as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO shards"))
        _, [shard] = create_job(stores)
        wait_for(lambda: broker.published == [shard])
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_abandoned_uploads_are_forgotten_with_their_bytes(
    stores: Stores, reconciler: Reconciler
) -> None:
    kept, lost = (
        stores.uploads.create(
            "ada",
            UploadRequest(purpose="weights", bytes=9, sha256=digit * 64),
        )[0]
        for digit in "01"
    )
    for upload in (kept, lost):
        stores.drafts.write(upload.key, 0, b"x")
    with write(stores.engine) as connection:
        connection.execute(
            update(uploads).where(uploads.c.id == lost.id).values(expires_at=0)
        )
    assert reconciler.run_once().abandoned == 1
    assert reconciler.run_once().abandoned == 0
    names = [it.name for it in stores.blobs.scratch().iterdir()]
    assert names == [f"draft-{kept.id}"]
    assert stores.uploads.abandoned() == []
