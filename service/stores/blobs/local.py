"""Blobs as files under a folder, written atomically and durably.

A blob is written to the folder `.scratch` of the same file system, synchronised,
renamed to its place, and then the folder that names it is synchronised too: after a
power cut it is there whole or not at all.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, final

from service.stores.blobs.base import BlobInfo, checked_key
from service.stores.blobs.scratch import sweep

_CHUNK = 1 << 20


@final
class LocalBlobStore:
    """Blobs under `root`, which is made when it is not there."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._scratch = self._root / ".scratch"
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)

    def scratch(self) -> Path:
        """Returns a private folder from which `adopt` need not copy."""
        return self._scratch

    def put(self, key: str, path: Path) -> BlobInfo:
        """Stores a copy of a file under the key, replacing what was there."""
        target = self._place(key)
        digest = hashlib.sha256()
        size = 0
        with NamedTemporaryFile(dir=self._scratch, delete=False) as draft:
            try:
                with path.open("rb") as source:
                    while piece := source.read(_CHUNK):
                        digest.update(piece)
                        size += draft.write(piece)
                draft.flush()
                _rename(Path(draft.name), target)
            finally:
                Path(draft.name).unlink(missing_ok=True)
        return BlobInfo(bytes=size, sha256=digest.hexdigest())

    def adopt(self, key: str, path: Path) -> None:
        """Moves a file under the key, replacing what was there."""
        if path.stat().st_dev != self._scratch.stat().st_dev:
            self.put(key, path)
            path.unlink()
            return
        _rename(path, self._place(key))

    def size(self, key: str) -> int:
        """Returns the length in bytes.

        Raises:
            KeyError: If there is no such blob.
        """
        try:
            return self._place(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise KeyError(key) from None

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Returns the bytes from `start` up to `end` (exclusive), in pieces.

        The blob is opened at once, and what is read is not affected by its deletion.

        `KeyError` if there is no such blob.
        """
        file = self._open(key)
        length = os.fstat(file.fileno()).st_size
        file.seek(start)
        return _Pieces(
            file, max(0, min(length, length if end is None else end) - start)
        )

    def fetch(self, key: str, path: Path) -> None:
        """Writes a private copy to a local path.

        `KeyError` if there is no such blob.
        """
        with self._open(key) as source, path.open("wb") as copy:
            shutil.copyfileobj(source, copy, _CHUNK)

    def delete(self, key: str) -> None:
        """Deletes a blob if there is one."""
        place = self._place(key)
        place.unlink(missing_ok=True)
        self._prune(place.parent)

    def delete_prefix(self, prefix: str) -> None:
        """Deletes every blob whose key begins with the prefix and a slash."""
        place = self._place(prefix)
        while place.exists():
            shutil.rmtree(place, ignore_errors=True)
        self._prune(place.parent)

    def sweep(self, *, older_than_seconds: float) -> int:
        """Returns how many remains of interrupted work it removed."""
        return sweep(self._scratch, older_than_seconds=older_than_seconds)

    def _place(self, key: str) -> Path:
        return self._root.joinpath(*checked_key(key).split("/"))

    def _open(self, key: str) -> BinaryIO:
        try:
            return self._place(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise KeyError(key) from None

    def _prune(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or gone
            folder = folder.parent


@final
class _Pieces:
    """The rest of a file, closed at its end or with the iterator."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(_CHUNK, self._left)) if self._left else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Closes the file."""
        self._left = 0
        self._file.close()

    def __del__(self) -> None:
        self.close()


def _rename(source: Path, target: Path) -> None:
    """Moves a file durably to its place, also while the folder is being pruned."""
    _synchronise(source)
    while True:
        try:
            _make_folder(target.parent)
            source.replace(target)
        except FileNotFoundError:
            if not source.exists():
                raise
        else:
            break
    with contextlib.suppress(FileNotFoundError):  # if it has been deleted again
        _synchronise(target.parent)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    _synchronise(folder.parent)


def _synchronise(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
