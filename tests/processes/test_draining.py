"""An API that is asked to end lets nobody wait, and loses nothing."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.database import migrate
from tests.support.job_bodies import quartic
from tests.support.live_api import ALL_SCOPES
from tests.support.ports import free_port
from tests.support.stack import GRADFLAT
from tests.support.waiting import until

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Api:
    process: "subprocess.Popen[bytes]"
    http: httpx.Client
    log: Path


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An API alone: its jobs wait for ever."""
    stores = open_stores(Settings(data_dir=tmp_path))
    migrate(stores.engine)
    _, secret = stores.keys.create(tenant="ada", scopes=ALL_SCOPES)
    stores.engine.dispose()
    port = free_port()
    log = tmp_path / "api.log"
    environment = {
        **os.environ,
        "GRADFLAT_DATA_DIR": str(tmp_path),
        "GRADFLAT_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*GRADFLAT, "api", "--port", str(port)], env=environment, stderr=file
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        ) as http:
            until(lambda: _answers(http), what="the API")
            yield Api(process, http, log)
    finally:
        process.kill()
        process.wait()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/v1/health/live").is_success
    except httpx.ConnectError:
        return False


def test_waiting_answers_and_streams_end_at_once(api: Api) -> None:
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
