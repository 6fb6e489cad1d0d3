"""Starts at fresh initialisations."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from worker.datasets.randomness import generator


def random_starts(
    draw: Callable[[torch.Generator], Tensor], indices: Sequence[int], *, seed: int
) -> Tensor:
    """Independent initialisations.

    Args:
        draw: Draws one parameter vector, ``(parameters,)``.
        indices: Numbers of the starts wanted.
        seed: The job's seed.

    Returns:
        Starts, ``(len(indices), parameters)``.
    """
    return torch.stack(
        [draw(generator(seed, "starts", "random", index)) for index in indices]
    )
