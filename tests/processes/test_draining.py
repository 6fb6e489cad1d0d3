"""An API that is asked to end lets nobody wait, and loses nothing."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.requests.job_bodies import quartic
from tests.support.servers.api_process import ApiProcess, api_process
from tests.support.servers.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiProcess]:
    with api_process(tmp_path) as running:
        yield running


def test_waiting_answers_and_streams_end_at_once(api: ApiProcess) -> None:
    job = api.http.post("/v1/jobs", json=quartic()).json()

    def wait() -> httpx.Response:
        return api.http.get(job["urls"]["self"], headers={"Prefer": "wait=60"})

    def follow() -> list[str]:
        with api.http.stream("GET", f"{job['urls']['events']}/stream") as answer:
            return list(answer.iter_lines())

    with ThreadPoolExecutor(2) as threads:
        waiting, following = threads.submit(wait), threads.submit(follow)
        until(lambda: "stream_job_events" in api.log.read_text(), what="an open stream")
        begun = time.monotonic()
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(10) is not None
        assert time.monotonic() - begun < 4
        assert waiting.result().json()["state"] == "queued"
        assert "event: state" in following.result()
    lines = [json.loads(line) for line in api.log.read_text().splitlines()]
    asked = [it for it in lines if it.get("operation") == "get_job"]
    assert [(it["status"], it["job_id"]) for it in asked] == [(200, job["id"])]
    assert all(it["request_id"] for it in asked)
