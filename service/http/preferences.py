"""The preference to wait (RFC 7240)."""

import re
from typing import Annotated

from fastapi import Depends, Header

LONGEST_WAIT = 60

_WAIT = re.compile(
    r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=[,;]|$)', re.ASCII | re.IGNORECASE
)


def wait_seconds(prefer: str | None) -> int | None:
    """The seconds to wait for the job's end, 60 at most; None without a preference."""
    match = _WAIT.search(prefer or "")
    return None if match is None else min(int(match[1]), LONGEST_WAIT)


async def _wait(
    prefer: Annotated[
        str | None,
        Header(
            alias="Prefer",
            max_length=256,
            description="`wait=N` answers when the job ends, after N seconds at most.",
        ),
    ] = None,
) -> int | None:
    return wait_seconds(prefer)


Wait = Annotated[int | None, Depends(_wait)]
