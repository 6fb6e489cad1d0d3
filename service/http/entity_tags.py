"""Entity tags and the conditions on them (RFC 9110, sections 8.8 and 13.1)."""

import re
from typing import Annotated, Any

from fastapi import Header

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=4096,
        description="Entity tags; answers 304 if one is current.",
    ),
]

UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has this version"}
}
"""Documents the answer to a condition that holds."""

REVALIDATED = {"Cache-Control": "private, no-cache"}
"""Headers of what may be kept by its client, if it asks again each time."""

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def strong(digest: str) -> str:
    """The strong tag of a representation with this digest or version."""
    return f'"{digest}"'


def is_current(condition: str | None, tag: str) -> bool:
    """Whether an ``If-None-Match`` names the tag, so that the client has it."""
    if condition is None:
        return False
    return condition.strip() == "*" or tag in _TAG.findall(condition)
