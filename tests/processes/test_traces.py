"""A trace that a client began goes on in the API, through the queue, in the worker."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.requests.job_bodies import quartic
from tests.support.servers.stack import Stack

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.xdist_group("stack"),
]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def entries(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_logs_of_all_processes_name_the_trace(stack: Stack) -> None:
    answer = httpx.post(
        f"{stack.url}/v1/jobs",
        json=quartic(),
        headers={
            "Authorization": f"Bearer {stack.key}",
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
            "X-Request-Id": "traced",
        },
    )
    job_id = answer.json()["id"]
    assert stack.ended(job_id).state == "succeeded"
    logs = stack.data_dir / "logs"
    asked = [it for it in entries(logs / "api.log") if it.get("request_id") == "traced"]
    assert {it["trace_id"] for it in asked} == {TRACE}
    assert job_id in {it.get("job_id") for it in asked}
    computed = [it for it in entries(logs / "worker.log") if it.get("job_id") == job_id]
    assert {it.get("trace_id") for it in computed} == {TRACE}
