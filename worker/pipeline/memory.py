"""Memory: what to do when it is used up."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import torch

from worker.errors import RunError

LEAST_BUDGET_BYTES = 2**26
"""Below this a smaller batch would not help any more."""

_Result = TypeVar("_Result")


def within_memory(
    compute: Callable[[int], _Result], budget_bytes: int, *, device: torch.device
) -> _Result:
    """Computes within a budget; on a GPU, with half of it as often as memory is short.

    Args:
        compute: Takes a budget in bytes; on a second call it goes on from its last
            checkpoint.
        budget_bytes: The first budget.
        device: Where it computes.

    Returns:
        What ``compute`` returns; a RunError (``out_of_memory``) passes through where
        nothing else can be done.
    """
    with _naming_shortage(device):
        while budget_bytes // 2 >= LEAST_BUDGET_BYTES:
            try:
                return compute(budget_bytes)
            except torch.OutOfMemoryError:  # raised by GPU allocators only
                budget_bytes //= 2
                torch.cuda.empty_cache()
        return compute(budget_bytes)


@contextmanager
def _naming_shortage(device: torch.device) -> Generator[None]:
    """Turns what a lack of memory raises, on any device, into one error."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_shortage(error):
            raise
        raise RunError("out_of_memory", f"not enough memory on {device}") from error


def _is_shortage(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)
    )
