"""The examples that the documentation of the signatures works out."""

import hashlib
from datetime import UTC, datetime

import pytest

from service.stores.blobs.s3.signatures import (
    Credentials,
    query_string,
    signed_headers,
)

CREDENTIALS = Credentials(
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106 - published
    region="us-east-1",
)


@pytest.mark.parametrize(
    ("path", "query", "headers", "signature"),
    [
        (
            "/test.txt",
            {},
            {"range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "/",
            {"prefix": "J", "max-keys": "2"},
            {},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_published_examples(
    path: str, query: dict[str, str], headers: dict[str, str], signature: str
) -> None:
    signed = signed_headers(
        CREDENTIALS,
        method="GET",
        path=path,
        query=query_string(query),
        headers={"host": "examplebucket.s3.amazonaws.com", **headers},
        payload_sha256=hashlib.sha256(b"").hexdigest(),
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert signed["authorization"].endswith(f"Signature={signature}")
    assert CREDENTIALS.secret_key not in repr(CREDENTIALS)
