"""Objects as they come from a bucket, carried on where a connection broke."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import final

import httpx

from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.sending import BucketFailed

_CHUNK = 1 << 20
_MOST_RESUMPTIONS = 5


@final
class Download:
    """The bytes of an object from one place to another, in pieces.

    What was read before a connection broke is not asked for again; the rest must be of
    the same version of the object.

    Args:
        bucket: Where it is.
        key: Its name. `KeyError` if there is none.
        start: The first byte.
        end: The byte after the last; null is the end of the object.
    """

    def __init__(
        self, bucket: Bucket, key: str, start: int = 0, end: int | None = None
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._position = start
        self._last = "" if end is None else str(end - 1)
        self._resumptions = 0
        self._open(etag=None)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while True:
            try:
                piece = next(self._pieces)
            except httpx.TransportError as error:
                self._resume(error)
            else:
                self._position += len(piece)
                return piece

    def close(self) -> None:
        """Gives the connection back."""
        self._response.close()

    def __del__(self) -> None:
        if hasattr(self, "_response"):
            self.close()

    def _open(self, *, etag: str | None) -> None:
        self._response = self._bucket.open(
            self._key, f"bytes={self._position}-{self._last}", etag=etag
        )
        beyond = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        is_empty = self._response.status_code == beyond
        self._pieces = iter(()) if is_empty else self._response.iter_bytes(_CHUNK)

    def _resume(self, error: httpx.TransportError) -> None:
        self.close()
        if self._resumptions == _MOST_RESUMPTIONS:
            raise BucketFailed(f"{type(error).__name__} at the blob store") from error
        self._resumptions += 1
        try:
            self._open(etag=self._response.headers["etag"])
        except KeyError:
            raise BucketFailed("The blob was deleted meanwhile") from error
        if self._response.status_code != HTTPStatus.PARTIAL_CONTENT:
            self.close()
            raise BucketFailed("The blob store does not carry on") from error
