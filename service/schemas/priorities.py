"""Priorities of jobs: those of a higher one run first."""

from typing import Literal

Priority = Literal["high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
"""In the order in which jobs run."""
