"""Bodies that do not come: whoever says nothing for long holds no connection."""

import asyncio
from typing import final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import RequestTimedOut


@final
class IdleBodies:
    """Ends the wait for the next bytes of a body, in whatever reads it.

    Args:
        app: What reads bodies.
        seconds: Time in which something more has to come.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on; `RequestTimedOut` is raised where a body is read."""
        complete = scope["type"] != "http"

        async def timely() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout(self._seconds):
                    message = await receive()
            except TimeoutError:
                raise RequestTimedOut(
                    f"Nothing came for {self._seconds:g} seconds",
                    headers={"Connection": "close"},
                ) from None
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, timely, send)
