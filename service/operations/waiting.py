"""Waiting for a job's end without holding a thread."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from anyio.to_thread import run_sync

from service.schemas.jobs import TERMINAL_STATES
from service.stores.jobs.records import JobRecord

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5
_GROWTH = 1.5


async def ended(
    look: Callable[[], JobRecord],
    *,
    seconds: float,
    abandoned: Callable[[], Awaitable[bool]],
) -> JobRecord:
    """Returns the job when it has ended, or as it is when the time is over.

    Args:
        look: Reads the job; called in a thread.
        seconds: Longest wait.
        abandoned: Whether nobody waits for the answer any more.
    """
    deadline = monotonic() + seconds
    pause = _FIRST_PAUSE
    record = await run_sync(look)
    while record.state not in TERMINAL_STATES:
        left = deadline - monotonic()
        if left <= 0 or await abandoned():
            break
        await asyncio.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
        record = await run_sync(look)
    return record
