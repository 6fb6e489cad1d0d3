"""Traces that go on from process to process, as W3C Trace Context carries them.

A job keeps the trace of the request for it, so that every attempt is a part of it,
however its worker came to know of the shard.

Spans are made with OpenTelemetry's interface. Without a configured SDK nothing is
recorded, but a trace that a client began still names the log entries of all that its
request has led to.
"""

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = "traceparent"
"""Name of the header field of requests."""

_FORMAT = TraceContextTextMapPropagator()


def traceparent() -> str | None:
    """Returns where the trace at hand is, for another process to go on from."""
    carrier: dict[str, str] = {}
    _FORMAT.inject(carrier)
    return carrier.get(TRACEPARENT)


def trace_id() -> str | None:
    """Returns the trace at hand, in 32 hexadecimal digits."""
    found = trace.get_current_span().get_span_context()
    return trace.format_trace_id(found.trace_id) if found.is_valid else None


@contextmanager
def continued(parent: str | None) -> Generator[None]:
    """Goes on with a trace within the block, unless there is one already.

    Args:
        parent: As `traceparent` has it, from wherever; what is malformed is ignored.
    """
    if parent is None or trace_id() is not None:
        yield
        return
    token = context.attach(_FORMAT.extract({TRACEPARENT: parent}))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def span(name: str, **attributes: str | int) -> Generator[None]:
    """Records the block as a part of the trace at hand.

    Args:
        name: What is done.
        attributes: With what; `gradflat.` is put before their names.
    """
    named = {f"gradflat.{key}": value for key, value in attributes.items()}
    begun = trace.get_tracer("gradflat").start_span(name, attributes=named)
    with trace.use_span(begun, end_on_exit=True):
        yield
