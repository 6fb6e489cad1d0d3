"""Broker and database, stopped, frozen or emptied under a running service."""

import signal
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest
import redis

from service.client import Client, Unreachable
from service.queue import CeleryQueue
from service.schemas.tasks import SHARD_QUEUES
from tests.support.long_job import (
    LONG,
    Findings,
    checkpointed,
    ended_once,
)
from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import ENDLESS, autoencoder
from tests.support.servers.ports import black_hole, free_port
from tests.support.servers.site import Site
from tests.support.servers.stack import GRADFLAT
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("site"),
]

ACCEPTED_S = 3.0
FROZEN_S = 25.0


def accepted(site: Site) -> str:
    """The id of a job that was taken within the time that the broker may cost."""
    began = time.monotonic()
    job = site.stack.submit(quartic())
    assert time.monotonic() - began < ACCEPTED_S
    assert job.state == "queued"
    return job.id


def test_stopped_broker(site: Site) -> None:
    site.broker.kill()
    try:
        job_id = accepted(site)
    finally:
        site.broker.start()
    assert site.stack.ended(job_id, seconds=75).state == "succeeded"


def test_frozen_broker(site: Site) -> None:
    assert site.broker.process is not None
    site.broker.process.send_signal(signal.SIGSTOP)
    try:
        job_id = accepted(site)
    finally:
        site.broker.process.send_signal(signal.SIGCONT)
    assert site.stack.ended(job_id, seconds=75).state == "succeeded"


def test_flushed_broker(site: Site) -> None:
    """All messages of shards that wait behind others are lost."""
    busy = site.stack.submit(autoencoder(iterations=ENDLESS, starts=4))
    try:
        site.both_at_work(busy.id)
        job = site.stack.submit(quartic())
        with redis.Redis.from_url(site.broker.url) as client:
            assert client.llen(SHARD_QUEUES["normal"])
            client.flushall()
    finally:
        with site.stack.client() as client:
            client.cancel(busy.id)
    assert site.stack.ended(job.id, seconds=75).state == "succeeded"


def test_message_delivered_twice(site: Site, undisturbed_at_site: Findings) -> None:
    job = site.stack.submit(LONG)
    site.both_at_work(job.id)
    queue = CeleryQueue(site.broker.url)
    for shard_id in [*site.shards(job.id)] * 3:
        assert queue.publish(shard_id, "normal")
    ended_once(site.stack, job, undisturbed_at_site)
    assert site.stack.job(job.id).attempt == 1
    with redis.Redis.from_url(site.broker.url) as client:
        until(lambda: client.llen(SHARD_QUEUES["normal"]) == 0, what="an empty queue")


def test_api_killed_between_commit_and_publication(site: Site) -> None:
    known = {job.id for job in site.jobs()}
    with (
        black_hole() as mute,
        api_on(site, f"redis://127.0.0.1:{mute}/0") as (client, api),
    ):
        poster = threading.Thread(target=lose_the_answer, args=(client,))
        poster.start()
        job = until(
            lambda: next((job for job in site.jobs() if job.id not in known), None),
            what="the row of the job",
        )
        api.kill()
        poster.join()
    assert site.stack.ended(job.id, seconds=75).state == "succeeded"


@contextmanager
def api_on(
    site: Site, broker: str
) -> Generator[tuple[Client, subprocess.Popen[bytes]]]:
    """Another API of the site, which knows another broker."""
    port = free_port()
    process = subprocess.Popen(
        [*GRADFLAT, "api", "--port", str(port)],
        env=site.stack.child_environment() | {"GRADFLAT_BROKER_URL": broker},
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url), what="an answer", pause=0.1)
        with Client(url, site.stack.key) as client:
            yield client, process
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/health/live").is_success
    except httpx.HTTPError:
        return False


def lose_the_answer(client: Client) -> None:
    with pytest.raises(Unreachable):
        client.create(quartic())


def test_stopped_database(site: Site, undisturbed_at_site: Findings) -> None:
    job = checkpointed(site.stack)
    headers = {"Authorization": f"Bearer {site.stack.key}"}
    with httpx.Client(base_url=site.stack.url, headers=headers) as http:
        site.database.stop()
        try:
            until(
                lambda: http.get(f"/v1/jobs/{job.id}").status_code == 503, what="a 503"
            )
            refused = http.post("/v1/jobs", json=quartic())
            assert refused.status_code == 503
            assert refused.headers["Retry-After"]
            assert http.get("/v1/health/ready").status_code == 503
            assert http.get("/v1/health/live").status_code == 200
            until(
                lambda: not any(worker.at_work() for worker in site.workers()),
                what="the end of runners without a lease",
            )
        finally:
            site.database.start()
        ended_once(site.stack, job, undisturbed_at_site)


def test_frozen_database(site: Site, undisturbed_at_site: Findings) -> None:
    """Its kernel takes what is sent, and nothing is ever answered."""
    job = checkpointed(site.stack)
    headers = {"Authorization": f"Bearer {site.stack.key}"}
    with httpx.Client(
        base_url=site.stack.url, headers=headers, timeout=FROZEN_S
    ) as http:
        with site.database.frozen():
            assert http.get(f"/v1/jobs/{job.id}").status_code == 503
            assert http.post("/v1/jobs", json=quartic()).status_code == 503
            assert http.get("/v1/health/live").status_code == 200
        ended_once(site.stack, job, undisturbed_at_site)
