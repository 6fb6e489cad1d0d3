"""Memory: what to do when it is used up."""

from collections.abc import Callable
from typing import TypeVar

import torch

from worker.errors import RunError
from worker.linalg.shortage import is_shortage, release

LEAST_BUDGET_BYTES = 2**26
"""Below this a smaller budget would not help any more."""

_Result = TypeVar("_Result")


def within_memory(
    compute: Callable[[int], _Result], budget_bytes: int, *, device: torch.device
) -> _Result:
    """Computes within a budget, with half of it as often as memory is short.

    Args:
        compute: Takes a budget in bytes; on a second call it goes on from its last
            checkpoint.
        budget_bytes: The first budget.
        device: Where it computes.

    Returns:
        What ``compute`` returns.

    Raises:
        RunError: If memory is too short for any budget (``out_of_memory``).
        MemoryError: None; a RuntimeError of ``compute`` passes through where memory
            is not its reason.
        RuntimeError: See above.
    """
    while True:
        try:
            return compute(budget_bytes)
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error):
                raise
            if budget_bytes // 2 < LEAST_BUDGET_BYTES:
                message = f"not enough memory on {device}"
                raise RunError("out_of_memory", message) from error
        budget_bytes //= 2
        release()
