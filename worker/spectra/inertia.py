"""Inertia: how many eigenvalues are negative, zero and positive."""

from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor

from worker.spectra.estimates import Estimate
from worker.spectra.quadrature import Known, Quadrature


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Inertia:
    """Counts of eigenvalues by sign, for every run.

    Attributes:
        negative: ``(runs,)`` integers.
        zero: ``(runs,)`` integers.
        positive: ``(runs,)`` integers.
        fraction: Morse index over the order of the matrix, ``(runs,)``.
        standard_error: Of the fraction, over the probes, ``(runs,)``; None where the
            counts are exact, NaN where one probe cannot tell.
        interval: The fraction lies between these with 95 % probability at least,
            ``(runs, 2)``.
    """

    negative: Tensor
    zero: Tensor
    positive: Tensor
    fraction: Tensor
    standard_error: Tensor | None
    interval: Tensor


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
    fraction = negative.double() / size
    return Inertia(
        negative=negative,
        zero=size - negative - positive,
        positive=positive,
        fraction=fraction,
        standard_error=None,
        interval=torch.stack([fraction, fraction], dim=1),
    )


def estimated_inertia(rule: Quadrature, threshold: Tensor) -> Inertia:
    """Counts from the weights on either side of the threshold, rounded.

    The standard error is that of the random probes. The interval covers besides what
    the quadrature rules leave open: the mass near the threshold that they cannot tell
    to lie on either side of it. It ends at whole counts.

    Args:
        rule: Quadrature of the spectrum.
        threshold: Magnitudes up to which an eigenvalue is zero, ``(runs,)``.

    Returns:
        The counts.
    """
    size = rule.size
    below = rule.traces(partial(_below, limit=-threshold))
    above = rule.traces(partial(_above, limit=threshold))
    known = _below(rule.known.values, limit=-threshold).sum(dim=1)
    counted = Estimate.mean(below, _variance(rule, below.mean(dim=1) - known))
    negative = counted.value.round().long().clamp(0, size)
    positive = above.mean(dim=1).round().long().clamp_min(0)
    positive = torch.minimum(positive, size - negative)
    return Inertia(
        negative=negative,
        zero=size - negative - positive,
        positive=positive,
        fraction=(counted.value / size).clamp(0.0, 1.0),
        standard_error=counted.standard_error / size,
        interval=_interval(rule, -threshold) / size,
    )


def _below(values: Tensor, *, limit: Tensor) -> Tensor:
    return (values < limit.view(-1, *[1] * (values.ndim - 1))).double()


def _above(values: Tensor, *, limit: Tensor) -> Tensor:
    return _below(-values, limit=-limit)


def _variance(rule: Quadrature, count: Tensor) -> Tensor:
    """As `Quadrature.variance`, of a count among the eigenvalues not known.

    Args:
        rule: Quadrature of the spectrum.
        count: ``(runs,)``.

    Returns:
        ``(runs,)``; never zero, since one eigenvalue may have gone unnoticed.
    """
    m = max(1, rule.rest)
    count = count.clamp(min(1.0, m / 2), max(1.0, m - 1))
    return 2 * m / (m + 2) * count * (1 - count / m)


def _interval(rule: Quadrature, limit: Tensor) -> Tensor:
    """Numbers of eigenvalues below a limit, at least and at most, ``(runs, 2)``."""
    known = rule.known
    certain = (known.values + known.bounds < limit[:, None]).sum(dim=1).double()
    possible = (known.values - known.bounds < limit[:, None]).sum(dim=1).double()
    lower, upper = (
        Estimate.mean(rule.rest * mass, _variance(rule, rule.rest * mass.mean(dim=1)))
        for mass in rule.rules.mass_below(limit)
    )
    least = (certain + lower.value - lower.reach()).floor()
    most = (possible + upper.value + upper.reach()).ceil()
    none_left, all_left = _settled(known, limit)
    least = torch.where(all_left, certain + rule.rest, torch.maximum(least, certain))
    most = torch.where(none_left, possible, torch.minimum(most, possible + rule.rest))
    return torch.stack([torch.minimum(least, most), most], dim=1)


def _settled(known: Known, limit: Tensor) -> tuple[Tensor, Tensor]:
    """Whether none, or all, of the eigenvalues not known lie below a limit."""
    none = every = torch.zeros_like(known.complete)
    if known.lowest:
        least = (known.values - known.bounds)[:, known.lowest - 1]
        none = known.complete & (least >= limit)
    if known.highest:
        most = (known.values + known.bounds)[:, -known.highest]
        every = known.complete & (most < limit)
    return none, every
