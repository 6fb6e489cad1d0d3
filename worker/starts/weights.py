"""Starts at the uploaded points."""

from collections.abc import Sequence

from torch import Tensor

from worker.starts.noise import perturb


def weights_starts(
    points: Tensor, indices: Sequence[int], *, seed: int, noise_variance: float = 0.0
) -> Tensor:
    """The uploaded points in turn, perturbed.

    Args:
        points: Uploaded points, ``(points, parameters)``.
        indices: Numbers of the starts wanted; start ``i`` is point ``i`` modulo the
            number of points.
        seed: The job's seed.
        noise_variance: Variance of the noise on every parameter of every start.

    Returns:
        Starts, ``(len(indices), parameters)``.
    """
    chosen = points[[index % len(points) for index in indices]]
    return perturb(chosen, indices, seed=seed, variance=noise_variance)
