import json
import logging
import threading

import pytest

from service import logs
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import Tenant


def line(record: logging.LogRecord) -> dict[str, object]:
    text = logs.JsonLines().format(record)
    assert "\n" not in text
    parsed: dict[str, object] = json.loads(text)
    return parsed


def record(message: str, *arguments: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("a.b", logging.INFO, "", 0, message, arguments, None)
    made.__dict__.update(more)
    return made


def test_a_line_has_the_ids_of_its_block() -> None:
    with logs.bound(request_id="r"), logs.bound(job_id="j"):
        inside = line(record("done\nwith %d", 3, fields={"status": 200}))
    assert {name: inside[name] for name in ("request_id", "job_id", "status")} == {
        "request_id": "r",
        "job_id": "j",
        "status": 200,
    }
    assert inside["message"] == "done\nwith 3"
    assert (inside["level"], inside["logger"]) == ("info", "a.b")
    assert str(inside["at"]).endswith("+00:00")
    assert "request_id" not in line(record("later"))


def test_blocks_of_threads_are_their_own() -> None:
    told: list[dict[str, object]] = []
    with logs.bound(job_id="ours"):
        thread = threading.Thread(target=lambda: told.append(line(record("theirs"))))
        thread.start()
        thread.join()
    assert "job_id" not in told[0]


def test_an_answer_is_one_line_with_its_request_and_job(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "httpx")
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(logs.JsonLines())
    answer = tenant.http.post("/v1/jobs", json=quartic())
    job_id = answer.json()["id"]
    tenant.http.get(f"/v1/jobs/{job_id}?x=secret", headers={"X-Request-Id": "mine"})
    lines = [json.loads(it) for it in caplog.text.splitlines() if it.startswith("{")]
    created = next(it for it in lines if it.get("job_id") == job_id)
    assert created["request_id"] == answer.headers["X-Request-Id"]
    asked = next(it for it in lines if it.get("request_id") == "mine")
    assert asked["operation"] == "get_job"
    assert asked["job_id"] == job_id
    assert asked["status"] == 422
    assert asked["seconds"] >= 0
    assert "secret" not in caplog.text
    assert tenant.key not in caplog.text
