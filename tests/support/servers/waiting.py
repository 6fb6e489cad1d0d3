"""Waiting for a state that will come, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    look: Callable[[], T | None],
    *,
    what: str,
    seconds: float = 30.0,
    pause: float = 0.02,
) -> T:
    """The first true thing that is seen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what}")
