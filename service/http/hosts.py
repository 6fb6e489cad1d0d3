"""Only requests addressed to this server's own names (against DNS rebinding)."""

from collections.abc import Sequence
from typing import final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems.responses import problem_response


@final
class TrustedHosts:
    """Refuses a ``Host`` header that is not allowed; ``*`` allows every one."""

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 400 to a foreign host."""
        if scope["type"] != "http" or self._trusts(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        response = problem_response(
            scope,
            status=400,
            code="host_not_allowed",
            title="Host not allowed",
            detail="This server does not answer to the name in the Host header",
        )
        await response(scope, receive, send)

    def _trusts(self, headers: Headers) -> bool:
        return "*" in self._allowed or _name(headers.get("host", "")) in self._allowed


def _name(host: str) -> str:
    """The host without its port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
