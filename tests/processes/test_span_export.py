"""Spans of API and worker arrive at a collector, as one trace."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.requests.job_bodies import quartic
from tests.support.servers.otlp_receiver import SpanReceiver, otlp_receiver
from tests.support.servers.stack import Stack, running_stack
from tests.support.servers.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT = "00f067aa0ba902b7"
NAMES = {"POST /v1/jobs", "shard", "run_shard", "assemble"}
INSTRUMENT = (
    sys.executable,
    "-c",
    "from opentelemetry.instrumentation.auto_instrumentation import run; run()",
)


@pytest.fixture
def collector() -> Iterator[SpanReceiver]:
    with otlp_receiver() as running:
        yield running


@pytest.fixture
def traced(tmp_path: Path, collector: SpanReceiver) -> Iterator[Stack]:
    """As ``opentelemetry-instrument gradflat up`` runs it."""
    with running_stack(
        tmp_path / "data",
        wrapper=INSTRUMENT,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ) as stack:
        yield stack


def test_a_trace_arrives_whole(collector: SpanReceiver, traced: Stack) -> None:
    headers = {
        "Authorization": f"Bearer {traced.key}",
        "traceparent": f"00-{TRACE}-{CLIENT}-01",
    }
    answer = httpx.post(f"{traced.url}/v1/jobs", json=quartic(), headers=headers)
    job_id = answer.json()["id"]
    assert traced.ended(job_id).state == "succeeded"
    until(lambda: set(collector.of(TRACE)) >= NAMES, what="the spans")
    spans = collector.of(TRACE)
    request, shard = spans["POST /v1/jobs"], spans["shard"]
    assert request.parent == CLIENT
    assert shard.attributes == {"gradflat.job_id": job_id, "gradflat.attempt": 1}
    above = {it.id: it.parent for it in spans.values()}
    assert request.id in {shard.parent, above[shard.parent]}
    assert spans["run_shard"].parent == spans["assemble"].parent == shard.id
    assert "Traceback" not in traced.logs()
