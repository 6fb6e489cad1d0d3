"""A server that takes spans, as OpenTelemetry's protocol sends them over HTTP."""

import gzip
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.servers.http_server import Quiet, serving


@dataclass(frozen=True)
class Exported:
    """A span as it arrived."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str | int]


@dataclass
class SpanReceiver:
    """What has come in, in order of arrival."""

    endpoint: str = ""
    spans: list[Exported] = field(default_factory=list[Exported])

    def of(self, trace: str) -> dict[str, Exported]:
        """The spans of a trace by name."""
        return {it.name: it for it in self.spans if it.trace == trace}


@contextmanager
def otlp_receiver() -> Generator[SpanReceiver]:
    """A running receiver on a free port."""
    messages = pytest.importorskip(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
    )
    state = SpanReceiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            request = messages.ExportTraceServiceRequest.FromString(body)
            state.spans.extend(
                _exported(span)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        state.endpoint = f"http://127.0.0.1:{port}"
        yield state


def _exported(span: Any) -> Exported:  # noqa: ANN401 - of generated code
    values = {it.key: it.value for it in span.attributes}
    return Exported(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes={k: v.string_value or v.int_value for k, v in values.items()},
    )
