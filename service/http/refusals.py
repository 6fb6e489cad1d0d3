"""Early refusals that reach their client.

A server that answers an error and closes while the client still sends makes the
kernel reset the connection, and the client may never see the answer. So what was sent
is read away first, within bounds, unless the client waits for ``100 Continue``.
"""

import asyncio
from typing import final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_BYTES = 64 * 1024**2
_MOST_SECONDS = 2.0
_FIRST_ERROR_STATUS = 400


@final
class Refusals:
    """Reads away the rest of a body before an error is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, and reads away what an error left unread."""
        if scope["type"] != "http" or "expect" in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        unread = True

        async def observed() -> Message:
            nonlocal unread
            message = await receive()
            unread = bool(message.get("more_body", False))
            return message

        async def patient(message: Message) -> None:
            if (
                unread
                and message["type"] == "http.response.start"
                and message["status"] >= _FIRST_ERROR_STATUS
            ):
                await discard()
            await send(message)

        async def discard() -> None:
            left = _MOST_BYTES
            try:
                async with asyncio.timeout(_MOST_SECONDS):
                    while unread and left > 0:
                        left -= len((await observed()).get("body", b""))
            except TimeoutError:
                pass

        await self._app(scope, observed, patient)
