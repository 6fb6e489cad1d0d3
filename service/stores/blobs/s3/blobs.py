"""Blobs as objects: the bucket makes each of them whole and durable."""

from collections.abc import Iterator
from pathlib import Path
from typing import final

from service.stores.blobs.base import BlobInfo, checked_key
from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.downloads import Download
from service.stores.blobs.s3.payloads import payloads
from service.stores.blobs.scratch import sweep

_PART_BYTES = 64 << 20


@final
class S3BlobStore:
    """Blobs in a bucket.

    Args:
        bucket: The bucket.
        scratch: A folder of this host, made when it is not there.
        part_bytes: Larger objects are sent in parts of this size.
    """

    def __init__(
        self, bucket: Bucket, scratch: Path, *, part_bytes: int = _PART_BYTES
    ) -> None:
        self._part_bytes = part_bytes
        self._bucket = bucket
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)

    def scratch(self) -> Path:
        """Returns a private folder of this host."""
        return self._scratch

    def put(self, key: str, path: Path) -> BlobInfo:
        """Stores a copy of a file under the key, replacing what was there."""
        parts, sha256 = payloads(path, part_bytes=self._part_bytes)
        self._bucket.put(checked_key(key), parts)
        return BlobInfo(bytes=sum(part.size for part in parts), sha256=sha256)

    def adopt(self, key: str, path: Path) -> None:
        """Moves a file under the key, replacing what was there."""
        self.put(key, path)
        path.unlink()

    def size(self, key: str) -> int:
        """Returns the length in bytes; `KeyError` if there is no such blob."""
        return self._bucket.size(checked_key(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Returns the bytes from `start` up to `end` (exclusive), in pieces.

        `KeyError` if there is no such blob.
        """
        if end is not None and end <= start:
            self.size(key)
            return iter(())
        return Download(self._bucket, checked_key(key), start, end)

    def fetch(self, key: str, path: Path) -> None:
        """Writes a private copy to a local path.

        `KeyError` if there is no such blob.
        """
        body = Download(self._bucket, checked_key(key))
        with path.open("wb") as copy:
            copy.writelines(body)

    def delete(self, key: str) -> None:
        """Deletes a blob if there is one."""
        self._bucket.delete(checked_key(key))

    def delete_prefix(self, prefix: str) -> None:
        """Deletes every blob whose key begins with the prefix and a slash."""
        for key in list(self._bucket.keys(f"{checked_key(prefix)}/")):
            self._bucket.delete(key)

    def sweep(self, *, older_than_seconds: float) -> int:
        """Returns how many remains of interrupted work on this host it removed."""
        return sweep(self._scratch, older_than_seconds=older_than_seconds)
