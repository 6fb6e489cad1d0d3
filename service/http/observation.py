"""One line in the log for every answer, and its place in the metrics."""

import logging
from time import monotonic
from typing import Any, final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs, tracing
from service.operations.metrics import RequestMetrics
from service.problems.responses import request_id

_log = logging.getLogger("service.requests")
_UNKNOWN = "none"
"""Operation of requests for what is not there."""


@final
class Observation:
    """Times requests until their answer begins."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, and looks at the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = monotonic()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._observe(scope, message["status"], monotonic() - begun)
            await send(message)

        parent = Headers(scope=scope).get(tracing.TRACEPARENT)
        with (
            tracing.continued(parent),
            logs.bound(request_id=request_id(scope)),
        ):
            await self._app(scope, receive, observed)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        operation = getattr(scope.get("route"), "name", _UNKNOWN)
        self._metrics.observe(operation, status, seconds)
        ids: dict[str, Any] = scope.get("path_params", {})
        fields = {
            "method": scope["method"],
            "operation": operation,
            "status": status,
            "seconds": round(seconds, 4),
            **{name: value for name, value in ids.items() if name.endswith("_id")},
        }
        _log.info("%s %d", operation, status, extra={"fields": fields})
