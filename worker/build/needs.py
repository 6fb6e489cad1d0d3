"""Parts that a specification needs."""

from typing import TypeVar

from worker.errors import RunError

_Part = TypeVar("_Part")


def needed(part: _Part | None) -> _Part:
    """The part itself, where there is one.

    Returns:
        The part.

    Raises:
        RunError: If it is missing (``job_invalid``).
    """
    if part is None:
        raise RunError(
            "job_invalid", "the job needs weights, a data set or a network it lacks"
        )
    return part
