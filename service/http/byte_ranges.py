"""A single range of bytes (RFC 9110, section 14)."""

import re
from dataclasses import dataclass
from typing import Annotated, final

from fastapi import Header

from service.errors import RangeNotSatisfiable

Range = Annotated[
    str | None,
    Header(
        alias="Range",
        max_length=256,
        description="A single range, such as `bytes=0-1023`.",
    ),
]
IfRange = Annotated[
    str | None,
    Header(
        alias="If-Range",
        max_length=256,
        description="The tag that the range is meant for.",
    ),
]

# More digits than any length has; int() refuses to convert unbounded ones.
_RANGE = re.compile(r"bytes=(\d{0,20})-(\d{0,20})", re.ASCII | re.IGNORECASE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes ``start .. end - 1`` of ``total``."""

    start: int
    end: int
    total: int

    @property
    def content_range(self) -> str:
        """The header of that name."""
        return f"bytes {self.start}-{self.end - 1}/{self.total}"


def requested(
    header: str | None, total: int, if_range: str | None, tag: str
) -> ByteRange | None:
    """The range asked for.

    Args:
        header: ``Range``.
        total: Length of the whole.
        if_range: ``If-Range``: the tag of the whole that the client has a part of.
        tag: The tag of the whole as it is.

    Returns:
        None when the whole is to be sent: no range, several, another unit, or a range
        of something else.

    Raises:
        RangeNotSatisfiable: If the range has no byte in common with the whole.
    """
    if if_range is not None and if_range.strip() != tag:
        return None
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    if first:
        start, end = int(first), min(int(last) + 1, total) if last else total
    else:
        start, end = max(total - int(last), 0), total
    if start >= end:
        raise RangeNotSatisfiable(
            f"The content has {total} bytes",
            headers={"Content-Range": f"bytes */{total}"},
        )
    return ByteRange(start=start, end=end, total=total)
