"""Signatures of requests to S3, version 4.

References:
    AWS, Authenticating Requests: Using the Authorization Header (AWS Signature
    Version 4), https://docs.aws.amazon.com/AmazonS3/latest/API/
    sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import final
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who signs, and for which region."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str


def query_string(parameters: Mapping[str, str]) -> str:
    """Returns query parameters in the form that is signed."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parameters.items()
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    credentials: Credentials,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload_sha256: str,
    now: datetime,
) -> dict[str, str]:
    """Returns the headers of a request with its signature.

    Args:
        credentials: Who signs.
        method: Of the request.
        path: Percent-encoded.
        query: Of `query_string`.
        headers: To be signed, by names in lower case; `host` among them.
        payload_sha256: Digest of the body, in hex.
        now: The time in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    every = {
        **headers,
        "x-amz-content-sha256": payload_sha256,
        "x-amz-date": moment,
    }
    names = ";".join(sorted(every))
    canonical = "\n".join(
        (
            method,
            path,
            query,
            *(f"{name}:{every[name].strip()}" for name in sorted(every)),
            "",
            names,
            payload_sha256,
        )
    )
    scope = f"{moment[:8]}/{credentials.region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(
        _key(credentials, scope), "\n".join((_ALGORITHM, moment, scope, digest))
    ).hex()
    authorization = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope},"
        f"SignedHeaders={names},Signature={signature}"
    )
    return {**every, "authorization": authorization}


def _key(credentials: Credentials, scope: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
