"""HTTP as bytes: what is no request is answered, and nobody is waited for for ever."""

import asyncio
from typing import final
from uuid import uuid4

import h11
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.problems.responses import problem_response

_LEAST_BYTES_PER_SECOND = 1000
"""That a client has to read while an answer waits for it."""


@final
class Protocol(H11Protocol):
    """Answers bytes that cannot be read as a request, before an application does.

    Attributes:
        head_s: Time for the head of a request, from its first byte or the connection.
        taking_s: Time in which a client takes something of an answer that waits for it.
    """

    head_s = 30.0
    taking_s = 30.0
    _head_timer: asyncio.TimerHandle | None = None
    _taking_timer: asyncio.TimerHandle | None = None

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
        self._stop_taking()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._time_taking()

    @override
    def resume_writing(self) -> None:
        self._stop_taking()
        super().resume_writing()

    def _time_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._taking_timer = self.loop.call_later(
            self.taking_s, self._check_taking, waiting
        )

    def _check_taking(self, waited: int) -> None:
        """Ends a connection whose client reads too little for its answer's memory."""
        taken = waited - self.transport.get_write_buffer_size()
        if taken < self.taking_s * _LEAST_BYTES_PER_SECOND:
            self.transport.abort()
        else:
            self._time_taking()

    def _stop_taking(self) -> None:
        if self._taking_timer is not None:
            self._taking_timer.cancel()
            self._taking_timer = None

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
