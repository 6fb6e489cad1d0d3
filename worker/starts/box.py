"""Starts uniform in a box."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.datasets.randomness import generator


def box_starts(
    low: Sequence[float], high: Sequence[float], indices: Sequence[int], *, seed: int
) -> Tensor:
    """Independent points, uniform between two corners.

    Args:
        low: Lower corner, ``parameters`` numbers.
        high: Upper corner.
        indices: Numbers of the starts wanted.
        seed: The job's seed.

    Returns:
        Starts, ``(len(indices), parameters)`` in float64.
    """
    corner = torch.tensor(low, dtype=torch.float64)
    edges = torch.tensor(high, dtype=torch.float64) - corner
    shares = [
        torch.rand(
            len(low),
            generator=generator(seed, "starts", "box", index),
            dtype=torch.float64,
        )
        for index in indices
    ]
    return corner + edges * torch.stack(shares)
