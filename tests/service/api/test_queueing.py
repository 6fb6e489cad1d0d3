"""Priorities, deadlines, places in the queue, and the end of retention."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.queue import InMemoryQueue
from service.reconciler import Reconciler
from service.stores.sql.database import write
from service.stores.sql.tables import jobs
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import Tenant


def create(tenant: Tenant, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = tenant.http.post("/v1/jobs", json=quartic(**more))
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def change(tenant: Tenant, job: dict[str, Any], **columns: object) -> None:
    with write(tenant.stores.engine) as connection:
        connection.execute(update(jobs).where(jobs.c.id == job["id"]).values(**columns))


def reconcile(tenant: Tenant) -> None:
    Reconciler(tenant.stores, tenant.api.queue, tenant.api.settings).run_once()


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
def test_a_job_is_announced_in_the_queue_of_its_priority(
    tenant: Tenant, queue: InMemoryQueue, priority: str
) -> None:
    before = len(queue.published)
    job = create(tenant, priority=priority)
    assert job["priority"] == priority
    assert [queue.priorities[it] for it in queue.published[before:]] == [priority]


def test_the_place_in_the_queue_is_told_and_tagged(tenant: Tenant) -> None:
    first = create(tenant, priority="low")
    second = create(tenant, priority="low")
    url = second["urls"]["self"]
    tag = tenant.http.get(url).headers["ETag"]
    assert second["queue_position"] - first["queue_position"] == 1
    tenant.http.post(first["urls"]["cancel"])
    moved = tenant.http.get(url, headers={"If-None-Match": tag})
    assert moved.status_code == 200
    assert moved.json()["queue_position"] == second["queue_position"] - 1
    tenant.http.post(second["urls"]["cancel"])
    assert tenant.http.get(url).json()["queue_position"] is None


def test_a_job_states_when_it_must_begin(tenant: Tenant) -> None:
    for asked, seconds in ((30, 30), (None, tenant.api.settings.start_within_seconds)):
        job = create(tenant, start_within_seconds=asked)
        begin = datetime.fromisoformat(job["start_before"])
        waits = begin - datetime.fromisoformat(job["created_at"])
        assert waits == timedelta(seconds=seconds)


def test_a_job_that_nobody_began_in_time_expires(tenant: Tenant) -> None:
    job = create(tenant, start_within_seconds=60)
    change(tenant, job, start_before=1)
    reconcile(tenant)
    ended = tenant.http.get(job["urls"]["self"]).json()
    assert ended["state"] == "expired"
    report = tenant.http.get(job["urls"]["report"])
    assert (report.status_code, report.json()["code"]) == (404, "report_not_ready")
    repeated = tenant.http.post(f"{job['urls']['self']}/retry")
    assert repeated.status_code == 202


def test_a_job_is_gone_when_its_retention_ends(tenant: Tenant) -> None:
    job = create(tenant)
    tenant.http.post(job["urls"]["cancel"])
    change(tenant, job, expires_at=1)
    for _ in range(2):
        for path in ("self", "events", "report"):
            answer = tenant.http.get(job["urls"][path])
            assert (answer.status_code, answer.json()["code"]) == (410, "job_expired")
        assert tenant.http.get("/v1/jobs").json()["items"] == []
        reconcile(tenant)
