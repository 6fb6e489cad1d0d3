import pytest
from sqlalchemy import Engine

from service.stores.bundle import Stores
from service.stores.sql.database import write
from service.stores.webhooks.deliveries import DueDelivery, Outcome
from tests.support.jobs import create_job

OUTCOME = Outcome(status=500, retry_seconds=60.0)


@pytest.fixture
def due(stores: Stores) -> DueDelivery:
    """A message that is being sent."""
    job, _ = create_job(stores)
    stores.webhooks.create("ada", "https://example.com/", ["job.cancelled"])
    stores.jobs.request_cancel("ada", job.id)
    claimed = stores.deliveries.claim()
    assert claimed is not None
    return claimed


def test_a_message_is_claimed_once(stores: Stores, due: DueDelivery) -> None:
    assert due.attempt == 1
    assert stores.deliveries.claim() is None
    assert stores.deliveries.settle(due, OUTCOME)
    (record,), _ = stores.deliveries.list("ada", due.webhook_id, limit=10)
    assert (record.attempts, record.last_status) == (1, 500)


def test_a_late_outcome_leaves_what_was_sent_again(
    stores: Stores, due: DueDelivery
) -> None:
    resent = stores.deliveries.resend("ada", due.webhook_id, due.id)
    assert not stores.deliveries.settle(due, Outcome(status=204, delivered=True))
    (record,), _ = stores.deliveries.list("ada", due.webhook_id, limit=10)
    assert record == resent
    again = stores.deliveries.claim()
    assert again is not None
    assert (again.id, again.attempt) == (due.id, 1)
    assert not stores.deliveries.settle(due, OUTCOME)
    assert stores.deliveries.settle(again, Outcome(status=204, delivered=True))


def test_looking_for_a_message_waits_for_no_writer(
    stores: Stores, engine: Engine
) -> None:
    with write(engine):
        assert stores.deliveries.claim() is None
