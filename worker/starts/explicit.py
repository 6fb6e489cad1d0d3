"""Starts that the job writes out."""

from collections.abc import Sequence

import torch
from torch import Tensor


def explicit_starts(
    points: Sequence[Sequence[float]], indices: Sequence[int]
) -> Tensor:
    """The points with these numbers, ``(len(indices), parameters)`` in float64."""
    return torch.tensor([points[index] for index in indices], dtype=torch.float64)
