"""An HTTP server that tells its application before it stops, and seldom pauses."""

import gc
import socket
from collections.abc import Callable
from typing import final

import uvicorn
from typing_extensions import override


@final
class DrainingServer(uvicorn.Server):
    """Ends what waits, so that a stop takes no longer than the requests in hand."""

    def __init__(self, config: uvicorn.Config, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_drain = on_drain

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and takes all that is there by then out of garbage collections.

        Answers would otherwise wait while modules and schemas are looked through.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drains, then closes the listeners and waits for open requests."""
        self._on_drain()
        await super().shutdown(sockets)
