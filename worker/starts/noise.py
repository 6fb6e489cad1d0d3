"""Gaussian noise that belongs to a start and not to its batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from worker.datasets.randomness import generator


def perturb(
    theta: Tensor, indices: Sequence[int], *, seed: int, variance: float
) -> Tensor:
    """Points with independent noise of the given variance on every parameter.

    Args:
        theta: Points, ``(starts, parameters)``.
        indices: The start that each row is.
        seed: The job's seed.
        variance: Of the noise.

    Returns:
        Perturbed points, ``(starts, parameters)``.
    """
    if variance == 0.0 or not len(indices):
        return theta
    noise = torch.stack(
        [
            torch.randn(
                theta.shape[1],
                generator=generator(seed, "starts", "noise", index),
                dtype=torch.float64,
            )
            for index in indices
        ]
    )
    return theta + (variance**0.5 * noise).to(theta)
