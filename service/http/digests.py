"""The digest of a body, as its sender states it (RFC 9530)."""

import base64
import binascii
import re
from typing import Annotated

from fastapi import Header

from service.errors import ChecksumMismatch
from service.schemas.problem_details import FieldError

ContentDigest = Annotated[
    str | None,
    Header(
        alias="Content-Digest",
        max_length=1024,
        description="`sha-256=:BASE64:`; the body must have this digest.",
    ),
]

_SHA256 = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*(?=[,;]|$)")


def check(content_digest: str | None, sha256: str) -> None:
    """Compares the digest stated for a body with its own; others than SHA-256 pass.

    Raises:
        ChecksumMismatch: If they differ, or the header has another form.
    """
    if content_digest is None:
        return
    match = _SHA256.search(content_digest)
    if match is None and "sha-256" not in content_digest.lower():
        return
    try:
        stated = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        stated = b""
    if stated != bytes.fromhex(sha256):
        detail = "The body does not have the SHA-256 digest that the header states"
        raise ChecksumMismatch(
            detail,
            errors=[
                FieldError(
                    pointer="header/Content-Digest",
                    code=ChecksumMismatch.code,
                    detail=detail,
                )
            ],
        )
