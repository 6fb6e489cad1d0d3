"""Requests that tell their length twice, as those do that are smuggled past a proxy.

References:
    RFC 9112, HTTP/1.1, section 6.3, item 3, https://www.rfc-editor.org/rfc/rfc9112
"""

from typing import final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems.responses import problem_response


@final
class Framing:
    """Refuses a request with a length and chunks, and ends its connection.

    Whoever passed it on may have seen its end, and the next request, elsewhere.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything else on."""
        if scope["type"] != "http" or not _is_ambiguous(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        response = problem_response(
            scope,
            status=400,
            code="request_malformed",
            title="The request is malformed",
            detail="A request has Content-Length or Transfer-Encoding, not both",
            headers={"Connection": "close"},
        )
        await response(scope, receive, send)


def _is_ambiguous(headers: Headers) -> bool:
    return "content-length" in headers and "transfer-encoding" in headers
