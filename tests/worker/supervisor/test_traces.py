"""An attempt is a span, with spans for what its runner does."""

import pytest

from service import tracing
from tests.support.bench import Bench
from tests.support.spans import Tracer
from tests.support.standin_runner import Behaviour


def test_an_attempt_goes_on_with_its_job_s_trace(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = Tracer()
    monkeypatch.setattr("opentelemetry.trace.get_tracer", lambda _: tracer)
    with tracing.continued(f"00-{'ab' * 16}-{'cd' * 8}-01"):
        job_id, [shard_id] = bench.submit(Behaviour.SUCCEED)
    bench.supervisor.run(shard_id)
    shard, run, assemble = tracer.spans
    assert [it.name for it in tracer.spans] == ["shard", "run_shard", "assemble"]
    assert shard.parent.span_id == int("cd" * 8, 16)
    assert run.parent == assemble.parent == shard.context
    assert shard.attributes == {"gradflat.job_id": job_id, "gradflat.attempt": 1}
