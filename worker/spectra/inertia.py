"""Inertia: how many eigenvalues are negative, zero and positive."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.quadrature import Quadrature, standard_error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inertia:
    """Counts of eigenvalues by sign, for every run.

    Attributes:
        negative: ``(runs,)`` integers.
        zero: ``(runs,)`` integers.
        positive: ``(runs,)`` integers.
        fraction: Morse index over the order of the matrix, ``(runs,)``.
        standard_error: Of the fraction, ``(runs,)``; None where the counts are exact,
            NaN where one probe cannot tell.
    """

    negative: Tensor
    zero: Tensor
    positive: Tensor
    fraction: Tensor
    standard_error: Tensor | None


def exact_inertia(eigenvalues: Tensor, threshold: Tensor) -> Inertia:
    """Counts of all eigenvalues.

    Args:
        eigenvalues: ``(runs, size)``.
        threshold: Magnitudes up to which an eigenvalue is zero, ``(runs,)``.

    Returns:
        The counts.
    """
    size = eigenvalues.shape[1]
    negative = (eigenvalues < -threshold[:, None]).sum(dim=1)
    positive = (eigenvalues > threshold[:, None]).sum(dim=1)
    return Inertia(
        negative=negative,
        zero=size - negative - positive,
        positive=positive,
        fraction=negative.double() / size,
        standard_error=None,
    )


def estimated_inertia(rule: Quadrature, threshold: Tensor) -> Inertia:
    """Counts from the weights on either side of the threshold, rounded.

    The standard error is that of the random probes; it does not cover a quadrature too
    coarse to tell eigenvalues on either side of the threshold apart.

    Args:
        rule: Quadrature of the spectrum.
        threshold: Magnitudes up to which an eigenvalue is zero, ``(runs,)``.

    Returns:
        The counts.
    """
    limit = threshold[:, None, None]
    below = (rule.weights * (rule.nodes < -limit)).sum(dim=-1)
    above = (rule.weights * (rule.nodes > limit)).sum(dim=-1)
    negative = _count(below, rule.size)
    positive = torch.minimum(_count(above, rule.size), rule.size - negative)
    return Inertia(
        negative=negative,
        zero=rule.size - negative - positive,
        positive=positive,
        fraction=below.mean(dim=1).clamp(0.0, 1.0),
        standard_error=standard_error(below),
    )


def _count(shares: Tensor, size: int) -> Tensor:
    return (shares.mean(dim=1) * size).round().long().clamp(0, size)
