"""Receiving a file: into a private place, hashed and bounded on the way."""

import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from anyio.to_thread import run_sync

from service.errors import FileTooLarge

_BUFFER_BYTES = 1024**2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """Bytes on disk."""

    path: Path
    size: int
    sha256: str


@asynccontextmanager
async def received(
    chunks: AsyncIterator[bytes], *, folder: Path, limit: int
) -> AsyncGenerator[ReceivedFile]:
    """The complete file; it is gone afterwards unless it was moved away.

    Args:
        chunks: The bytes as they come.
        folder: Private to this server.
        limit: Most bytes that are taken.

    Yields:
        The file, readable by this user only.

    Raises:
        FileTooLarge: As soon as there are more.
    """
    descriptor, name = await run_sync(_create, folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            digest = hashlib.sha256()
            size = 0

            def keep(data: bytes) -> None:
                digest.update(data)
                file.write(data)

            waiting = bytearray()
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise FileTooLarge(f"Files have {limit} bytes at most")
                waiting += chunk
                if len(waiting) >= _BUFFER_BYTES:
                    await run_sync(keep, bytes(waiting))
                    waiting.clear()
            await run_sync(keep, bytes(waiting))
        yield ReceivedFile(path=path, size=size, sha256=digest.hexdigest())
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - works when cancelled


def _create(folder: Path) -> tuple[int, str]:
    return tempfile.mkstemp(prefix="upload-", dir=folder)
