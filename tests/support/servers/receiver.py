"""Web servers that take the messages of webhooks, and answer as they are told."""

import contextlib
import socket
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler

from tests.support.servers.http_server import Quiet, serving


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Message
    body: bytes


@dataclass
class Receiver:
    """What has come, and the statuses to answer with; 204 when they run out."""

    port: int
    statuses: list[int] = field(default_factory=list[int])
    received: list[Received] = field(default_factory=list[Received])
    location: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"


@contextmanager
def receiver() -> Generator[Receiver]:
    """A running receiver on a free port."""
    state = Receiver(port=0)

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            state.received.append(Received(self.path, self.headers, body))
            self.send_response(state.statuses.pop(0) if state.statuses else 204)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as state.port:
        yield state


@contextmanager
def dripping_receiver(pause: float = 0.02) -> Generator[int]:
    """The port of a server whose answers come byte by byte and never end."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Never-Ends: ")
            while not ended.wait(pause):
                connection.sendall(b"a")

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                drips.submit(drip, connection)

    with ThreadPoolExecutor() as drips, socket.create_server(("127.0.0.1", 0)) as door:
        drips.submit(accept, door)
        try:
            yield int(door.getsockname()[1])
        finally:
            ended.set()
            door.shutdown(socket.SHUT_RDWR)
