"""What is sent to a bucket: ranges of files, read anew by every attempt."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

_CHUNK = 1 << 20
_MOST_PARTS = 10_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A range of a file, iterated over as its bytes."""

    path: Path
    start: int
    size: int
    sha256: str
    """Digest of the range, in hex."""

    def __iter__(self) -> Iterator[bytes]:
        """Yields the bytes in pieces."""
        return _pieces(self.path, self.start, self.size)


def payloads(path: Path, *, part_bytes: int) -> tuple[list[Payload], str]:
    """Returns the parts of a file, at least one, and the digest of the whole in hex.

    Args:
        path: The file.
        part_bytes: Size of each part but the last; more if there were too many.
    """
    size = path.stat().st_size
    part_bytes = max(part_bytes, math.ceil(size / _MOST_PARTS))
    whole = hashlib.sha256()
    parts: list[Payload] = []
    for start in range(0, max(size, 1), part_bytes):
        length = min(part_bytes, size - start)
        digest = hashlib.sha256()
        for piece in _pieces(path, start, length):
            digest.update(piece)
            whole.update(piece)
        parts.append(
            Payload(path=path, start=start, size=length, sha256=digest.hexdigest())
        )
    return parts, whole.hexdigest()


def _pieces(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size and (piece := file.read(min(_CHUNK, size))):
            size -= len(piece)
            yield piece
