from pathlib import Path

import pytest

from service.queue import InMemoryQueue
from service.schemas.account import SCOPES
from service.settings import Settings
from tests.support.jobs import BROKEN
from tests.support.outcomes import claim_all, fail, succeed
from tests.support.prometheus import Sample, parse, value
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import LiveApi, live_api


@pytest.fixture
def scraped(tmp_path: Path) -> dict[Sample, float]:
    """The metrics of a deployment of which everything is known."""
    queue = InMemoryQueue()
    with live_api(Settings(data_dir=tmp_path), queue) as api:
        key = api.key("ada", frozenset(SCOPES))[1]
        with api.client(key) as http:
            for priority in ("high", "normal", "normal", "low", "low", "low"):
                http.post("/v1/jobs", json=quartic(priority=priority))
            high, normal, *_ = queue.published
            succeed(api.stores, [high], tmp_path)
            fail(api.stores, [normal], "out_of_memory")
            (running,) = claim_all(api.stores, queue.published[2:3])
            assert not api.stores.shards.fail(f"{running.token}x", BROKEN)
            api.stores.workers.beat("w", device="cpu", version="0", runner_bytes=12)
            http.get("/v1/jobs/job_0")
            answer = http.get("/v1/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return parse(answer.text)


def test_jobs_and_their_queues(scraped: dict[Sample, float]) -> None:
    assert value(scraped, "gradflat_jobs", state="queued") == 3
    assert value(scraped, "gradflat_jobs", state="running") == 1
    assert value(scraped, "gradflat_jobs", state="succeeded") == 1
    assert value(scraped, "gradflat_jobs", state="failed") == 1
    for priority, jobs in (("high", 0), ("normal", 0), ("low", 3)):
        assert value(scraped, "gradflat_queue_jobs", priority=priority) == jobs
        age = value(scraped, "gradflat_queue_oldest_seconds", priority=priority)
        assert (0 < age < 30) == bool(jobs)


def test_leases_and_attempts(scraped: dict[Sample, float]) -> None:
    assert value(scraped, "gradflat_shards", state="running") == 1
    assert 0 <= value(scraped, "gradflat_lease_silence_seconds") < 30
    assert value(scraped, "gradflat_leases_overdue") == 0
    attempts = "gradflat_attempts_total"
    assert value(scraped, attempts, event="begun") == 3
    assert value(scraped, attempts, event="stored") == 1
    assert value(scraped, attempts, event="failed") == 1
    assert value(scraped, "gradflat_jobs_ended_total", state="succeeded") == 1
    assert value(scraped, "gradflat_jobs_ended_total", state="failed") == 1
    assert value(scraped, "gradflat_fenced_writes_total", operation="fail") == 1
    assert value(scraped, "gradflat_device_seconds_total") >= 0


def test_workers_and_their_runners(scraped: dict[Sample, float]) -> None:
    assert value(scraped, "gradflat_workers", device="cpu") == 1
    memory = "gradflat_runner_resident_memory_bytes"
    assert value(scraped, memory, worker="w") == 12


def test_requests(scraped: dict[Sample, float]) -> None:
    requests = "gradflat_http_requests_total"
    assert value(scraped, requests, operation="create_job", status="202") == 6
    assert value(scraped, requests, operation="get_job", status="404") == 1
    seconds = "gradflat_http_request_seconds"
    assert value(scraped, f"{seconds}_count", operation="create_job") == 6
    assert 0 < value(scraped, f"{seconds}_sum", operation="create_job") < 30
    buckets = [
        number
        for (name, labels), number in scraped.items()
        if name == f"{seconds}_bucket" and ("operation", "create_job") in labels
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 6
    assert value(scraped, "process_resident_memory_bytes") > 2**24
    assert value(scraped, "process_cpu_seconds_total") > 0


def test_a_tenant_s_key_does_not_show_the_deployment(api: LiveApi) -> None:
    with api.client(api.key()[1]) as http:
        answer = http.get("/v1/metrics")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
