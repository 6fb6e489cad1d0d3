"""Identifiers: a prefix and a UUIDv7, so that they sort by time of creation."""

import re
from typing import Literal

from uuid6 import uuid7

Kind = Literal["job", "file", "upload", "shard", "key", "webhook", "delivery"]

_FORM = re.compile(r"(job|file|upload|shard|key|webhook|delivery)_[0-9a-f]{32}")


def new_id(kind: Kind) -> str:
    """Returns a fresh identifier, for example ``job_0198...`` (32 hex digits)."""
    return f"{kind}_{uuid7().hex}"


def is_id(kind: Kind, text: str) -> bool:
    """Returns whether the text has the form of such an identifier."""
    match = _FORM.fullmatch(text)
    return match is not None and match[1] == kind
