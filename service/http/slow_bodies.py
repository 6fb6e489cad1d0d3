"""Bodies that do not come: whoever says little for long holds no connection."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import RequestTimedOut


@final
@dataclass(slots=True)
class Patience:
    """The time that a body may still be waited for: what comes earns more of it.

    Attributes:
        most_s: What there is at first, and at most, in seconds.
        bytes_per_second: Pace at which as much is earned as is spent.
        left_s: What there is.
    """

    most_s: float
    bytes_per_second: float
    left_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Begins with all of it."""
        self.left_s = self.most_s

    def waited(self, seconds: float, received: int) -> None:
        """Takes a wait, and some bytes at its end, into account."""
        earned = received / self.bytes_per_second
        self.left_s = min(self.most_s, self.left_s - seconds + earned)


@final
class SlowBodies:
    """Ends the wait for the next bytes of a body, in whatever reads it.

    Time in which the server has not yet read what came does not count.

    Args:
        app: What reads bodies.
        pause_s: How long a body may pause.
        bytes_per_second: Its least pace.
    """

    def __init__(
        self, app: ASGIApp, *, pause_s: float, bytes_per_second: float
    ) -> None:
        self._app = app
        self._pause_s = pause_s
        self._bytes_per_second = bytes_per_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on; `RequestTimedOut` is raised where a body is read."""
        complete = scope["type"] != "http"
        patience = Patience(self._pause_s, self._bytes_per_second)

        async def timely() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            began = monotonic()
            try:
                async with asyncio.timeout(patience.left_s):
                    message = await receive()
            except TimeoutError:
                raise self._refusal() from None
            patience.waited(monotonic() - began, len(message.get("body", b"")))
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, timely, send)

    def _refusal(self) -> RequestTimedOut:
        return RequestTimedOut(
            f"Bodies pause for {self._pause_s:g} seconds at most, and come at "
            f"{self._bytes_per_second:g} bytes a second at least",
            headers={"Connection": "close"},
        )
