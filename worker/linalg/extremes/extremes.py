"""Extreme eigenvalues."""

from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Eigenvalues at both ends of the spectrum, for each run.

    A run whose products are not finite has NaN for everything.

    Attributes:
        largest: Descending, ``(runs, count)``.
        smallest: Ascending, ``(runs, count)``; none where they are not wanted.
        largest_bounds: An eigenvalue lies this close, ``(runs, count)``.
        smallest_bounds: The same of the smallest.
        largest_converged: Whether the bound is within the tolerance, ``(runs, count)``.
        smallest_converged: The same of the smallest.
        complete: Whether the orthogonal complement was searched and held nothing beyond
            the values given, but for a chance of 1/1000 at each end, ``(runs,)``.
        products: Products made for each run, integers ``(runs,)``.
    """

    largest: Tensor
    smallest: Tensor
    largest_bounds: Tensor
    smallest_bounds: Tensor
    largest_converged: Tensor
    smallest_converged: Tensor
    complete: Tensor
    products: Tensor

    def with_smallest(self, value: float) -> "Extremes":
        """The same with as many smallest eigenvalues, all known to be this.

        Args:
            value: What they are.

        Returns:
            Bounds are those of their vectors where these were found, else zero.
        """
        known = torch.full_like(self.largest, value)
        if not self.smallest.shape[1]:
            return replace(
                self,
                smallest=known,
                smallest_bounds=torch.zeros_like(known),
                smallest_converged=torch.ones_like(self.largest_converged),
            )
        return replace(
            self,
            smallest=torch.where(self.smallest.isnan(), self.smallest, known),
            smallest_bounds=self.smallest_bounds + (self.smallest - known).abs(),
        )
