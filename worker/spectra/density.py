"""Spectral densities: eigenvalues smoothed by a Gaussian, on a grid.

The Gaussian's standard deviation is 1/200 of the spectrum's range and the grid has two
points for each, so that the trapezoid rule finds the mass 1 to far better than 1e-6.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.quadrature import Quadrature, standard_error

_RESOLUTION = 200
_POINTS_PER_DEVIATION = 2
_TAIL = 6.0
"""Standard deviations that the grid goes beyond the spectrum."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """A density of mass 1 for every run.

    Attributes:
        grid: Evenly spaced, ``(runs, points)``.
        values: ``(runs, points)``.
        standard_error: Of the values, over the probes, ``(runs, points)``; zero where
            all eigenvalues are known, NaN where one probe cannot tell.
        broadening: Standard deviation of the Gaussian, ``(runs,)``.
        probes: Number of probes; 0 where all eigenvalues are known.
        steps: Lanczos steps from each; 0 where all eigenvalues are known.
    """

    grid: Tensor
    values: Tensor
    standard_error: Tensor
    broadening: Tensor
    probes: int
    steps: int


def exact_density(eigenvalues: Tensor) -> Density:
    """The density of known eigenvalues, ``(runs, size)``."""
    grid, broadening = _grid(eigenvalues.amin(dim=1), eigenvalues.amax(dim=1))
    weights = torch.full_like(eigenvalues, 1.0 / eigenvalues.shape[1])
    values = _smooth(grid, eigenvalues, weights, broadening)
    return Density(
        grid=grid,
        values=values,
        standard_error=torch.zeros_like(values),
        broadening=broadening,
        probes=0,
        steps=0,
    )


def estimated_density(rule: Quadrature, low: Tensor, high: Tensor) -> Density:
    """The density from a quadrature, for spectra between ``low`` and ``high``.

    Args:
        rule: Quadrature of the spectrum.
        low: Smallest eigenvalues known, ``(runs,)``.
        high: Largest eigenvalues known, ``(runs,)``.

    Returns:
        Mean and standard error over the probes.
    """
    grid, broadening = _grid(
        torch.minimum(low, rule.nodes.amin(dim=(1, 2))),
        torch.maximum(high, rule.nodes.amax(dim=(1, 2))),
    )
    samples = torch.stack(
        [
            _smooth(grid, rule.nodes[:, probe], rule.weights[:, probe], broadening)
            for probe in range(rule.probes)
        ],
        dim=1,
    )
    return Density(
        grid=grid,
        values=samples.mean(dim=1),
        standard_error=standard_error(samples),
        broadening=broadening,
        probes=rule.probes,
        steps=rule.nodes.shape[-1],
    )


def _grid(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    magnitude = torch.maximum(low.abs(), high.abs())
    spread = torch.maximum(high - low, 1e-6 * magnitude)
    spread = torch.where(spread > 0, spread, 1.0)
    broadening = spread / _RESOLUTION
    points = _POINTS_PER_DEVIATION * int(_RESOLUTION + 2 * _TAIL) + 1
    units = torch.linspace(-1.0, 1.0, points, dtype=low.dtype, device=low.device)
    half_width = (0.5 * _RESOLUTION + _TAIL) * broadening
    return (0.5 * (low + high))[:, None] + half_width[:, None] * units, broadening


def _smooth(grid: Tensor, nodes: Tensor, weights: Tensor, broadening: Tensor) -> Tensor:
    deviations = (grid[:, :, None] - nodes[:, None, :]) / broadening[:, None, None]
    bells = torch.exp(-0.5 * deviations**2) / (2 * torch.pi) ** 0.5
    return torch.einsum("rgk,rk->rg", bells, weights) / broadening[:, None]
