"""A worker that is older than a job: it leaves it alone, and serves on."""

import pytest
from sqlalchemy import update

from service.schemas.specifications import FORMAT
from service.stores.jobs.creation import insert_job
from service.stores.sql.database import write
from service.stores.sql.tables import jobs
from tests.support.jobs import new_job
from tests.support.requests.job_bodies import quartic
from tests.support.servers.stack import TENANT, Stack
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.xdist_group("stack"),
]


def newer_job(stack: Stack) -> str:
    """A job such as an API of the next version makes."""
    assert stack.stores is not None
    with write(stack.stores.engine) as connection:
        created = insert_job(connection, new_job(tenant=TENANT), retention_ms=3_600_000)
        connection.execute(
            update(jobs).where(jobs.c.id == created.record.id).values(format=FORMAT + 1)
        )
    return created.record.id


def test_a_newer_job_waits_for_a_newer_worker(stack: Stack) -> None:
    job_id = newer_job(stack)
    stores = stack.stores
    assert stores is not None

    def refused() -> bool:
        events = stores.events.list(TENANT, job_id)
        return any("newer version" in str(it.data.get("message")) for it in events)

    until(refused, what="the worker's refusal")
    assert stack.ended(stack.submit(quartic()).id).state == "succeeded"
    job = stack.job(job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    with write(stores.engine) as connection:
        connection.execute(
            update(jobs).where(jobs.c.id == job_id).values(format=FORMAT)
        )
    assert stack.ended(job_id).state == "succeeded"
