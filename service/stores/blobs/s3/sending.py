"""Signed requests to an S3-compatible server, sent again where that may help."""

import hashlib
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import final

import httpx

from service.stores.blobs.s3.payloads import Payload
from service.stores.blobs.s3.signatures import Credentials, query_string, signed_headers

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_PAUSES_S = (0.2, 0.5, 1.0, 2.0)
"""Before another attempt; each is up to twice as long, so that clients part ways."""
_PATIENCE_S = 20.0
"""After this no other attempt begins."""


class BucketFailed(OSError):
    """The store is away, or does not do what it is asked."""


@final
class Sender:
    """Sends requests until the server takes or refuses them.

    All of them may be repeated: whatever they do, they do once.

    Args:
        endpoint: URL of the server.
        credentials: Who signs.
    """

    def __init__(self, endpoint: str, credentials: Credentials) -> None:
        self._http = httpx.Client(base_url=endpoint, timeout=_TIMEOUT)
        self._credentials = credentials

    def __del__(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: Payload | bytes,
    ) -> httpx.Response:
        """Returns an answer that is still to be read and closed.

        Args:
            method: Of the request.
            path: Percent-encoded.
            query: Parameters.
            headers: By names in lower case.
            content: The body.

        Raises:
            BucketFailed: If there is no answer, or the server fails, again and again.
        """
        began = time.monotonic()
        for pause in _PAUSES_S:
            try:
                return self._attempt(method, path, query, headers, content)
            except BucketFailed:
                if time.monotonic() - began > _PATIENCE_S:
                    raise
            time.sleep(pause * random.uniform(1.0, 2.0))  # noqa: S311 - no secret
        return self._attempt(method, path, query, headers, content)

    def _attempt(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: Payload | bytes,
    ) -> httpx.Response:
        text = query_string(query)
        size, sha256 = _measure(content)
        signed = signed_headers(
            self._credentials,
            method=method,
            path=path,
            query=text,
            headers={
                **headers,
                **({"content-length": str(size)} if method in {"PUT", "POST"} else {}),
                "host": self._http.base_url.netloc.decode(),
            },
            payload_sha256=sha256,
            now=datetime.now(UTC),
        )
        url = f"{path}?{text}" if text else path
        request = self._http.build_request(method, url, headers=signed, content=content)
        try:
            response = self._http.send(request, stream=True)
        except httpx.TransportError as error:
            raise BucketFailed(f"{type(error).__name__} at the blob store") from error
        if _is_passing(response.status_code):
            response.close()
            raise BucketFailed(
                f"{method} at the blob store gave {response.status_code}"
            )
        return response


def _measure(content: Payload | bytes) -> tuple[int, str]:
    """The length and the digest in hex."""
    if isinstance(content, bytes):
        return len(content), hashlib.sha256(content).hexdigest()
    return content.size, content.sha256


def _is_passing(status: int) -> bool:
    """Whether another attempt may fare better."""
    return (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.TOO_MANY_REQUESTS
    )
