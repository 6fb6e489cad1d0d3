"""Requests to one bucket of an S3-compatible server, addressed by path."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import final
from urllib.parse import quote

import httpx

from service.stores.blobs.s3.payloads import Payload
from service.stores.blobs.s3.sending import BucketFailed, Sender
from service.stores.blobs.s3.signatures import Credentials

_KEY = re.compile(r"<Key>([^<]*)</Key>")
_NEXT = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_UPLOAD = re.compile(r"<UploadId>([^<]*)</UploadId>")
_COMPLETED = re.compile(r"<CompleteMultipartUploadResult\b")


@final
class Bucket:
    """A bucket that exists.

    Args:
        endpoint: URL of the server.
        name: Of the bucket.
        credentials: Of one who may read, write, list and delete in it.
    """

    def __init__(self, endpoint: str, name: str, credentials: Credentials) -> None:
        self._sender = Sender(endpoint, credentials)
        self._path = f"/{name}"

    def put(self, key: str, parts: Sequence[Payload]) -> None:
        """Stores an object; nobody sees it before it is whole.

        Args:
            key: Its name.
            parts: Its bytes; more than one are sent one after the other.
        """
        if len(parts) == 1:
            self._request("PUT", key, content=parts[0]).close()
        else:
            self._put_parts(key, parts)

    def open(
        self, key: str, byte_range: str | None = None, *, etag: str | None = None
    ) -> httpx.Response:
        """Returns an answer whose body is still to be read; the caller closes it.

        `KeyError` if there is no such object.

        Args:
            key: Its name.
            byte_range: A `Range` header.
            etag: Of the only version that will do; `BucketFailed` if it is another.
        """
        asked = {"range": byte_range, "if-match": etag}
        headers = {name: value for name, value in asked.items() if value is not None}
        return self._request("GET", key, headers=headers)

    def size(self, key: str) -> int:
        """Returns the length of an object; `KeyError` if there is none."""
        response = self._request("HEAD", key)
        response.close()
        return int(response.headers["content-length"])

    def delete(self, key: str) -> None:
        """Deletes an object if there is one."""
        self._request("DELETE", key).close()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yields the names of all objects that begin so."""
        following: dict[str, str] = {}
        while True:
            query = {"list-type": "2", "prefix": prefix, **following}
            text = self._text("GET", "", query=query)
            yield from _KEY.findall(text)
            token = _NEXT.search(text)
            if token is None:
                return
            following = {"continuation-token": token[1]}

    def _put_parts(self, key: str, parts: Sequence[Payload]) -> None:
        begun = _UPLOAD.search(self._text("POST", key, query={"uploads": ""}))
        if begun is None:
            raise BucketFailed("The blob store begins no upload in parts")
        upload = {"uploadId": begun[1]}
        try:
            tags = [
                self._put_part(key, {"partNumber": str(number), **upload}, part)
                for number, part in enumerate(parts, 1)
            ]
            self._complete(key, upload, tags)
        except BaseException:
            with contextlib.suppress(BucketFailed, KeyError):
                self._request("DELETE", key, query=upload).close()
            raise

    def _complete(
        self, key: str, upload: Mapping[str, str], tags: Sequence[str]
    ) -> None:
        told = self._text("POST", key, query=upload, content=_completion(tags))
        # The server may fail after it has begun to answer with 200.
        if not _COMPLETED.search(told):
            raise BucketFailed("The blob store does not complete an upload")

    def _put_part(self, key: str, query: Mapping[str, str], part: Payload) -> str:
        response = self._request("PUT", key, query=query, content=part)
        response.close()
        return str(response.headers["etag"])

    def _text(
        self, method: str, key: str, *, query: Mapping[str, str], content: bytes = b""
    ) -> str:
        response = self._request(method, key, query=query, content=content)
        try:
            return response.read().decode()
        except httpx.TransportError as error:
            raise BucketFailed(f"{type(error).__name__} at the blob store") from error
        finally:
            response.close()

    def _request(
        self,
        method: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        content: Payload | bytes = b"",
    ) -> httpx.Response:
        response = self._sender.send(
            method,
            f"{self._path}/{quote(key)}",
            query=query or {},
            headers=headers or {},
            content=content,
        )
        return _checked(response, method, key)


def _completion(tags: Sequence[str]) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _checked(response: httpx.Response, method: str, key: str) -> httpx.Response:
    """Returns a successful answer; reads beyond the end of an object are left."""
    if response.is_success:
        return response
    response.close()
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return response
    if response.status_code == HTTPStatus.NOT_FOUND and key:
        raise KeyError(key)
    raise BucketFailed(f"{method} at the blob store gave {response.status_code}")
