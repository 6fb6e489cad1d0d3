"""Bare HTTP over one connection that is kept, so that the client costs little."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

from benchmarks.service.deployment import Deployment

_LIMIT = 2**20  # bytes of a line


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401
        """The body's value."""
        return json.loads(self.body)


@final
class Connection:
    """One connection to the API, for one request after another."""

    def __init__(self, deployment: Deployment) -> None:
        self._port = deployment.port
        self._head = (
            f"Host: 127.0.0.1:{deployment.port}\r\n"
            f"Authorization: Bearer {deployment.api_key}\r\n"
        )

    async def __aenter__(self) -> Self:
        """Connects."""
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, limit=_LIMIT
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connection."""
        self._writer.close()

    async def get(self, path: str, **headers: str) -> Answer:
        """The answer to a GET; underscores in names of headers become hyphens."""
        self._send("GET", path, headers)
        return await self._answer()

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """The answer to a POST with a JSON body."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {
            "Content_Type": "application/json",
            "Content_Length": str(len(content)),
        }
        self._send("POST", path, headers, content)
        return await self._answer()

    async def events(self, path: str) -> AsyncGenerator[dict[str, Any]]:
        """Yields the data of server-sent events as they come."""
        self._send("GET", path, {})
        await self._reader.readuntil(b"\r\n\r\n")
        while line := await self._reader.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes = b""
    ) -> None:
        lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{lines}\r\n"
        self._writer.write(head.encode() + content)

    async def _answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        length = int(headers.get("content-length", 0))
        return Answer(
            int(first.split()[1]), headers, await self._reader.readexactly(length)
        )
