"""Blobs: immutable byte strings under slash-separated keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """Length and digest of a blob that was put."""

    bytes: int
    sha256: str


class BlobStore(Protocol):
    """Where files, checkpoints and results lie.

    Keys are ``/``-separated names of ``[A-Za-z0-9._-]``, none of them ``.`` or ``..``.
    Readers see a blob whole or not at all.
    """

    def scratch(self) -> Path:
        """Returns a private folder from which `adopt` need not copy."""
        ...

    def put(self, key: str, path: Path) -> BlobInfo:
        """Stores a copy of a file under the key, replacing what was there."""
        ...

    def adopt(self, key: str, path: Path) -> None:
        """Moves a file under the key, replacing what was there."""
        ...

    def size(self, key: str) -> int:
        """Returns the length in bytes.

        Raises:
            KeyError: If there is no such blob.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Returns the bytes from `start` up to `end` (exclusive), in pieces.

        The blob is opened at once, and what is read is not affected by its deletion.

        Raises:
            KeyError: If there is no such blob.
        """
        ...

    def fetch(self, key: str, path: Path) -> None:
        """Writes a private copy to a local path.

        Raises:
            KeyError: If there is no such blob.
        """
        ...

    def delete(self, key: str) -> None:
        """Deletes a blob if there is one."""
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Deletes every blob whose key begins with the prefix and a slash."""
        ...

    def sweep(self, *, older_than_seconds: float) -> int:
        """Returns how many remains of interrupted work it removed."""
        ...


def checked_key(key: str) -> str:
    """Returns the key.

    Raises:
        ValueError: If it has another form than keys have.
    """
    if not all(_NAME.fullmatch(name) for name in key.split("/")):
        raise ValueError("a key consists of names and slashes")
    return key


def job_prefix(tenant: str, job_id: str) -> str:
    """Returns the prefix under which everything of a job lies."""
    return f"{tenant}/jobs/{job_id}"


def report_key(tenant: str, job_id: str) -> str:
    """Returns the key of a job's report."""
    return f"{job_prefix(tenant, job_id)}/report.json"


def artifact_key(tenant: str, job_id: str, name: str) -> str:
    """Returns the key of an artifact of a job."""
    return f"{job_prefix(tenant, job_id)}/artifacts/{name}"


def shard_key(tenant: str, job_id: str, number: int, name: str) -> str:
    """Returns the key of a shard's result or checkpoint."""
    return f"{job_prefix(tenant, job_id)}/shards/{number}/{name}"
