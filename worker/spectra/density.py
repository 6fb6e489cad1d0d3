"""Spectral densities: eigenvalues smoothed by a Gaussian, on a grid.

The grid follows the spectrum: it has two points for each standard deviation of the
Gaussian wherever there are eigenvalues or nodes, and none in the gaps between them. So
the trapezoid rule finds the mass 1, and a narrow Gaussian can resolve both a spike at
zero and outliers far from it.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.quadrature import Quadrature

_BULK = 0.998
"""Share of the eigenvalues whose range sets the default broadening."""

_RESOLUTION = 100
"""Default standard deviations in that range."""

_LARGEST_RESOLUTION = 2000
"""Default standard deviations in the whole range, at most."""

_ZERO = 1e-200
"""Magnitude of a matrix that counts as zero, and is broadened by 1."""

_TAIL = 7.0
"""Standard deviations that the grid goes beyond eigenvalues."""

_POINTS_PER_DEVIATION = 2

_GAP = 4.0
"""Standard deviations between outliers and the rest."""

_NEGLIGIBLE = 1e-14
"""Weight of a node that is not seen."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """A density of mass 1, for one run.

    Attributes:
        grid: Ascending, ``(points,)``.
        values: ``(points,)``.
        standard_error: Of the values, over the probes, ``(points,)``; zero where all
            eigenvalues are known, NaN where one probe cannot tell.
        broadening: Standard deviation of the Gaussian.
        probes: Number of probes; 0 where all eigenvalues are known.
        steps: Lanczos steps from each; 0 where all eigenvalues are known.
        outliers: The extreme eigenvalues beyond the first gap of four standard
            deviations, seen from the bulk, ascending, ``(k,)``.
    """

    grid: Tensor
    values: Tensor
    standard_error: Tensor
    broadening: float
    probes: int
    steps: int
    outliers: Tensor


def density(rule: Quadrature, run: int, *, broadening: float | None) -> Density:
    """The density of one run: known eigenvalues as they are, the rest from probes.

    Args:
        rule: Quadrature of the spectra; finite for this run.
        run: Its number.
        broadening: Standard deviation of the Gaussian; None for 1/100 of the range of
            the middle 99.8 % of the eigenvalues, or 1/2000 of the whole range where
            that is more.

    Returns:
        Mean and standard error over the probes.
    """
    known = rule.known.values[run]
    nodes = rule.rules.nodes[run]
    weights = rule.rules.weights[run] * (rule.rest / rule.size)
    seen = nodes[weights > _NEGLIGIBLE]
    if broadening is None:
        broadening = _default_broadening(rule, run)
    grid = _grid(torch.cat([known, seen]).sort().values, broadening)
    exact = torch.full_like(known, 1 / rule.size)
    values = smooth(grid, known, exact, broadening)
    error = torch.zeros_like(values)
    if rule.rest:
        samples = [
            smooth(grid, *each, broadening) for each in zip(nodes, weights, strict=True)
        ]
        values = values + torch.stack(samples).mean(dim=0)
        error = _standard_error(torch.stack(samples))
    return Density(
        grid=grid,
        values=values,
        standard_error=error,
        broadening=broadening,
        probes=rule.probes,
        steps=rule.steps,
        outliers=_outliers(
            known, seen, rule.known.lowest, rule.known.highest, _GAP * broadening
        ),
    )


def _default_broadening(rule: Quadrature, run: int) -> float:
    known, nodes = rule.known.values[run], rule.rules.nodes[run].flatten()
    shares = rule.rules.weights[run].flatten() * (rule.rest / max(1, rule.probes))
    values, order = torch.cat([known, nodes]).sort()
    mass = torch.cat([torch.ones_like(known), shares])[order].cumsum(0)
    tail = 0.5 * (1 - _BULK) * rule.size
    inside = values[(mass > tail) & (mass < rule.size - tail + 1)]
    bulk = float(inside[-1] - inside[0]) if len(inside) else 0.0
    whole = float(values[-1] - values[0])
    magnitude = float(values.abs().amax())
    if magnitude < _ZERO:
        return 1.0
    return max(bulk / _RESOLUTION, whole / _LARGEST_RESOLUTION, 1e-6 * magnitude)


def _grid(values: Tensor, broadening: float) -> Tensor:
    """Points around ascending values."""
    tail = _TAIL * broadening
    breaks = (values.diff() > 2 * tail).nonzero()[:, 0] + 1
    pieces = []
    for group in values.tensor_split(breaks.cpu()):
        low, high = float(group[0]) - tail, float(group[-1]) + tail
        points = math.ceil(_POINTS_PER_DEVIATION * (high - low) / broadening) + 1
        piece = torch.linspace(
            low, high, points, dtype=values.dtype, device=values.device
        )
        pieces.append(piece)
    return torch.cat(pieces)


def smooth(grid: Tensor, nodes: Tensor, weights: Tensor, broadening: float) -> Tensor:
    """Gaussians at nodes ``(k,)`` of weights ``(k,)``, on a grid ``(points,)``."""
    pieces = []
    for points in grid.split(_POINTS_AT_A_TIME):
        deviations = (points[:, None] - nodes) / broadening
        pieces.append(torch.exp(-0.5 * deviations**2) @ weights)
    return torch.cat(pieces) / ((2 * math.pi) ** 0.5 * broadening)


_POINTS_AT_A_TIME = 1024


def _standard_error(samples: Tensor) -> Tensor:
    """Of the means over probes, ``(points,)`` from ``(probes, points)``."""
    probes = len(samples)
    if probes == 1:
        return torch.full_like(samples[0], torch.nan)
    return samples.std(dim=0) / probes**0.5


def _outliers(
    known: Tensor, nodes: Tensor, lowest: int, highest: int, gap: float
) -> Tensor:
    """The extreme ones of known eigenvalues that stand outside the bulk."""
    top = len(known) - highest
    rest = torch.cat([known[lowest:top], nodes])
    beyond = torch.zeros_like(known, dtype=torch.bool)
    if not len(rest):
        return known[beyond]
    largest = torch.cat([rest.amax()[None], known[top:]])
    smallest = torch.cat([-rest.amin()[None], -known[:lowest].flip(0)])
    beyond[top:] = (largest.diff() > gap).cumsum(0) > 0
    beyond[:lowest] = ((smallest.diff() > gap).cumsum(0) > 0).flip(0)
    return known[beyond]
