"""A proxy that answers some requests with an error of its own."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx

from tests.support.servers.http_server import Quiet, serving

Fails = Callable[[str, str], int | None]


@contextmanager
def failing_proxy(target: str, fails: Fails) -> Generator[str]:
    """The URL of a proxy in front of another server.

    Args:
        target: URL of the other one.
        fails: The status to answer a method and a path with; None passes it on.
    """

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if status := fails(self.command, self.path):
                self._answer(status, {}, b"")
                return
            passed = httpx.request(
                self.command,
                target + self.path,
                headers=dict(self.headers),
                content=body,
                timeout=60,
            )
            kept = {k: v for k, v in passed.headers.items() if k == "etag"}
            self._answer(passed.status_code, kept, passed.content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_request)
    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"
