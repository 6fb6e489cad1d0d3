"""The API while what it needs is away."""

import time
from pathlib import Path

import httpx

from service.queue import CeleryQueue
from service.settings import Settings
from tests.support.requests.job_bodies import quartic
from tests.support.requests.tensors import weights_of
from tests.support.servers.live_api import LiveApi, live_api
from tests.support.servers.ports import black_hole

WELL = dict.fromkeys(
    ("database", "schema", "blobs", "broker", "workers", "process"), True
)


def checks(answer: httpx.Response) -> dict[str, bool]:
    return {it["name"]: it["ok"] for it in answer.json()["checks"]}


def test_all_is_well(api: LiveApi, anonymous: httpx.Client) -> None:
    api.stores.workers.beat("worker-1", device="cpu", version="0")
    live = anonymous.get("/v1/health/live")
    assert (live.status_code, live.json()["status"]) == (200, "ok")
    ready = anonymous.get("/v1/health/ready")
    assert ready.status_code == 200
    assert checks(ready) == WELL


def test_the_broker_is_silent(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, starts_per_shard=1)
    with (
        black_hole() as port,
        live_api(settings, CeleryQueue(f"redis://127.0.0.1:{port}/0")) as api,
        api.client(api.key()[1]) as http,
    ):
        api.stores.workers.beat("worker-1", device="cpu", version="0")
        begun = time.monotonic()
        answer = http.post("/v1/jobs", json=quartic(starts=5))
        assert time.monotonic() - begun < 3
        assert answer.status_code == 202
        ready = http.get("/v1/health/ready")
        assert ready.status_code == 200
        assert checks(ready) == {**WELL, "broker": False}


def test_the_database_is_away(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, reconcile_seconds=600)
    with live_api(settings) as api, api.client(api.key()[1]) as http:
        url = http.post("/v1/jobs", json=quartic()).json()["urls"]["self"]
        with api.stores.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO elsewhere")
        for answer in (
            http.get(url),
            http.post("/v1/jobs", json=quartic()),
            http.get("/v1/me"),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "service_unavailable"
            assert int(answer.headers["Retry-After"]) > 0
            assert "api_keys" not in answer.text
        with api.stores.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO api_keys")
        assert http.get(url).status_code == 200


def test_the_blobs_are_away(tmp_path: Path) -> None:
    with (
        live_api(Settings(data_dir=tmp_path)) as api,
        api.client(None) as http,
        api.client(api.key()[1]) as writer,
    ):
        api.stores.workers.beat("worker-1", device="cpu", version="0")
        scratch = api.stores.blobs.scratch()
        scratch.rmdir()
        scratch.touch()
        try:
            ready = http.get("/v1/health/ready")
            upload = writer.post(
                "/v1/files?purpose=weights",
                content=weights_of(2, 1),
                headers={"Content-Type": "application/octet-stream"},
            )
        finally:
            scratch.unlink()
        assert upload.status_code == 503
        assert upload.json()["code"] == "service_unavailable"
        assert str(tmp_path) not in upload.text
        assert ready.status_code == 503
        assert ready.json()["status"] == "unavailable"
        assert checks(ready) == {**WELL, "blobs": False}
