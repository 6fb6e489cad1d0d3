"""Drafts: what has come of an upload so far."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, final
from uuid import uuid4

from service.stores.blobs.base import BlobStore


class Drafts(Protocol):
    """Bytes that arrive piece by piece, each of them kept when `write` returns.

    Keys are those of blobs. A draft survives the process, so that another one, on any
    host that shares the store, may go on with it.
    """

    @property
    def piece_bytes(self) -> int:
        """Returns the size of pieces that suits the store."""
        ...

    def write(self, key: str, offset: int, piece: bytes) -> None:
        """Keeps a piece, in place of what was kept at this offset.

        Raises:
            KeyError: If the draft was collected or discarded meanwhile.
        """
        ...

    def collect(self, key: str, size: int) -> Path:
        """Returns a private file with all `size` bytes; the caller removes it.

        It lies in the scratch folder of the blob store.

        Raises:
            KeyError: If there are more or less.
        """
        ...

    def discard(self, key: str) -> None:
        """Forgets a draft if there is one."""
        ...


@final
class LocalDrafts:
    """Drafts as files in the scratch folder of the blob store.

    The system writes them to the disk in its own time: what a process has written
    survives its death, and after a power cut the upload's checksum tells. A draft that
    was collected takes no more bytes, since its file may have become a blob.

    Args:
        scratch: The folder.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    @property
    def piece_bytes(self) -> int:
        """Returns the size of pieces that suits the store."""
        return 1 << 20

    def write(self, key: str, offset: int, piece: bytes) -> None:
        """Keeps a piece, in place of what was kept at this offset.

        Raises:
            KeyError: If the draft was collected or discarded meanwhile.
        """
        create = 0 if offset else os.O_CREAT
        with self._locked(key, os.O_WRONLY | create) as handle:
            if os.fstat(handle).st_nlink > 1:
                raise KeyError(key)
            while piece:
                written = os.pwrite(handle, piece, offset)
                offset += written
                piece = piece[written:]

    def collect(self, key: str, size: int) -> Path:
        """Returns a private file with all `size` bytes; the caller removes it.

        Raises:
            KeyError: If there are more or less.
        """
        with self._locked(key, os.O_RDONLY) as handle:
            if os.fstat(handle).st_size != size:
                raise KeyError(key)
            path = self._scratch / f"upload-{uuid4().hex}"
            path.hardlink_to(self._place(key))
            return path

    def discard(self, key: str) -> None:
        """Forgets a draft if there is one."""
        self._place(key).unlink(missing_ok=True)

    @contextmanager
    def _locked(self, key: str, flags: int) -> Generator[int]:
        """The draft's file, which nobody else writes or collects meanwhile."""
        place = self._place(key)
        try:
            handle = os.open(place, flags, 0o600)
        except FileNotFoundError:
            raise KeyError(key) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not _is_at(handle, place):
                raise KeyError(key)
            yield handle
        finally:
            os.close(handle)

    def _place(self, key: str) -> Path:
        return self._scratch / f"draft-{key.rpartition('/')[2]}"


@final
class BlobDrafts:
    """Drafts as blobs, one for each piece, named by its offset.

    Args:
        blobs: Where they lie.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    @property
    def piece_bytes(self) -> int:
        """Returns the size of pieces that suits the store."""
        return 8 << 20

    def write(self, key: str, offset: int, piece: bytes) -> None:
        """Keeps a piece, in place of what was kept at this offset."""
        with self._scratch_file() as path:
            path.write_bytes(piece)
            self._blobs.put(f"{key}/{offset}", path)

    def collect(self, key: str, size: int) -> Path:
        """Returns a private file with all `size` bytes; the caller removes it.

        Raises:
            KeyError: If there are more or less.
        """
        path = self._blobs.scratch() / f"upload-{uuid4().hex}"
        with path.open("xb") as file:
            try:
                while file.tell() < size:
                    file.writelines(self._blobs.read(f"{key}/{file.tell()}"))
            except BaseException:
                path.unlink()
                raise
        if path.stat().st_size > size:
            path.unlink()
            raise KeyError(key)
        return path

    def discard(self, key: str) -> None:
        """Forgets a draft if there is one."""
        self._blobs.delete_prefix(key)

    @contextmanager
    def _scratch_file(self) -> Generator[Path]:
        path = self._blobs.scratch() / f"piece-{uuid4().hex}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _is_at(handle: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False
