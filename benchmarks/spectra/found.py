"""What is compared: ends of spectra, and quadrature rules."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.density import smooth


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Eigenvalues at both ends.

    Attributes:
        values: Ascending, ``(2 top,)``.
        products: Hessian products made.
    """

    values: Tensor
    products: int

    def error(self, truth: Tensor) -> float:
        """The largest error, beside the largest magnitude."""
        return float((self.values - truth).abs().max() / truth.abs().max())


def area_between(values: Tensor, truth: Tensor, grid: Tensor) -> float:
    """Area between a density and the true one, which the grid follows."""
    # What it does not hold on the grid it holds elsewhere.
    elsewhere = max(0.0, 1 - float(torch.trapezoid(values, grid)))
    return float(torch.trapezoid((values - truth).abs(), grid)) + elsewhere


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A quadrature rule of mass 1.

    Attributes:
        nodes: ``(k,)``.
        weights: ``(k,)``.
        products: Hessian products made.
    """

    nodes: Tensor
    weights: Tensor
    products: int

    def density(self, grid: Tensor, broadening: float) -> Tensor:
        """The density on a grid ``(points,)``, of which it has the shape."""
        return smooth(grid, self.nodes, self.weights, broadening)
