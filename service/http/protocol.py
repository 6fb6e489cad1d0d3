"""HTTP as bytes: what is no request is answered, and not waited for for ever."""

import asyncio
from typing import final
from uuid import uuid4

import h11
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.problems.responses import problem_response


@final
class Protocol(H11Protocol):
    """Answers bytes that cannot be read as a request, before an application does.

    Attributes:
        head_s: Time for the head of a request, from its first byte or the connection.
    """

    head_s = 30.0
    _head_timer: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._time_head()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._time_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _time_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    @override
    def send_400_response(self, msg: str) -> None:
        """Writes the answer and closes the connection."""
        request_id = f"req_{uuid4().hex}"
        answer = problem_response(
            {"path": "/", "state": {"request_id": request_id}},
            status=400,
            code="request_malformed",
            title="The request is malformed",
            detail="This is not a request as HTTP defines it",
            headers={"Connection": "close", "X-Request-Id": request_id},
        )
        headers = b"".join(
            b"%b: %b\r\n" % (name, value) for name, value in answer.raw_headers
        )
        head = b"HTTP/1.1 400 Bad Request\r\n" + headers + b"\r\n"
        self.transport.write(head + bytes(answer.body))
        self.transport.close()
