"""Requests to one bucket of an S3-compatible server, addressed by path."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import final
from urllib.parse import quote

import httpx

from service.stores.s3.signatures import (
    EMPTY_SHA256,
    Credentials,
    query_string,
    signed_headers,
)

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_CONNECT_RETRIES = 2
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_NEXT = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")


class BucketFailed(OSError):
    """The store is away, or does not do what it is asked."""


@final
class Bucket:
    """A bucket that exists.

    Args:
        endpoint: URL of the server.
        name: Of the bucket.
        credentials: Of one who may read, write, list and delete in it.
    """

    def __init__(self, endpoint: str, name: str, credentials: Credentials) -> None:
        self._http = httpx.Client(
            base_url=endpoint,
            timeout=_TIMEOUT,
            transport=httpx.HTTPTransport(retries=_CONNECT_RETRIES),
        )
        self._path = f"/{name}"
        self._credentials = credentials

    def __del__(self) -> None:
        self._http.close()

    def put(self, key: str, content: Iterable[bytes], size: int, sha256: str) -> None:
        """Stores an object.

        Args:
            key: Its name.
            content: Its bytes.
            size: Their number.
            sha256: Their digest, in hex.
        """
        self._request(
            "PUT",
            key,
            headers={"content-length": str(size)},
            content=content,
            sha256=sha256,
        ).close()

    def open(self, key: str, byte_range: str | None = None) -> httpx.Response:
        """Returns an answer whose body is still to be read; the caller closes it.

        `KeyError` if there is no such object.

        Args:
            key: Its name.
            byte_range: A `Range` header.
        """
        headers = {} if byte_range is None else {"range": byte_range}
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
            response = self._request("GET", "", query=query)
            text = response.read().decode()
            yield from _KEY.findall(text)
            token = _NEXT.search(text)
            if token is None:
                return
            following = {"continuation-token": token[1]}

    def _request(
        self,
        method: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        content: Iterable[bytes] | None = None,
        sha256: str = EMPTY_SHA256,
    ) -> httpx.Response:
        path = f"{self._path}/{quote(key)}"
        text = query_string(query or {})
        signed = signed_headers(
            self._credentials,
            method=method,
            path=path,
            query=text,
            headers={**(headers or {}), "host": self._http.base_url.netloc.decode()},
            payload_sha256=sha256,
            now=datetime.now(UTC),
        )
        request = self._http.build_request(
            method, f"{path}?{text}" if text else path, headers=signed, content=content
        )
        try:
            response = self._http.send(request, stream=True)
        except httpx.TransportError as error:
            raise BucketFailed(f"{type(error).__name__} at the blob store") from error
        return _checked(response, method, key)


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
