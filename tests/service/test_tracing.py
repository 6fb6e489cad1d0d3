import logging

import pytest
from hypothesis import given, strategies as st

from service import logs, tracing
from tests.support.spans import Tracer

PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_a_trace_is_continued_and_left() -> None:
    assert tracing.traceparent() is None
    with tracing.continued(PARENT):
        assert tracing.trace_id() == "ab" * 16
        assert tracing.traceparent() == PARENT
        with tracing.continued(f"00-{'ef' * 16}-{'cd' * 8}-01"):
            assert tracing.trace_id() == "ab" * 16
    assert tracing.trace_id() is None


@given(st.none() | st.text(max_size=80))
def test_what_is_malformed_is_ignored(parent: str | None) -> None:
    with tracing.continued(parent):
        assert tracing.trace_id() is None


def test_spans_nest_below_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = Tracer()
    monkeypatch.setattr("opentelemetry.trace.get_tracer", lambda _: tracer)
    with tracing.continued(PARENT), tracing.span("outer", job_id="j"):
        outer = tracing.traceparent()
        with tracing.span("inner"):
            inner = tracing.traceparent()
    assert len({PARENT, outer, inner}) == 3
    first, second = tracer.spans
    assert (first.name, second.name) == ("outer", "inner")
    assert first.parent.span_id == int("cd" * 8, 16)
    assert second.parent == first.context
    assert {it.context.trace_id for it in tracer.spans} == {int("ab" * 16, 16)}
    assert first.attributes == {"gradflat.job_id": "j"}


def test_log_entries_name_their_trace() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "done", (), None)
    with tracing.continued(PARENT):
        assert f'"trace_id": "{"ab" * 16}"' in logs.JsonLines().format(record)
    assert "trace_id" not in logs.JsonLines().format(record)
