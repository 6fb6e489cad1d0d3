"""Extreme eigenvalues, multiplicities included.

A Krylov space from one vector holds one eigenvector of each eigenvalue, however often
the eigenvalue occurs. So once the wanted Ritz pairs have converged they alone are kept,
and the process goes on from a random vector orthogonal to them. A run is complete when
such a round converges without changing the wanted values and the best value of the
complement is told apart from them.
"""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator
from worker.linalg.thick_restart import Ritz, SearchSpace


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Eigenvalues at both ends of the spectrum, for each run.

    A run whose products are not finite has NaN for everything.

    Attributes:
        largest: Descending, ``(runs, count)``.
        smallest: Ascending, ``(runs, count)``.
        largest_bounds: An eigenvalue lies this close, to rounding, ``(runs, count)``.
        smallest_bounds: The same of the smallest.
        converged: Whether all bounds are within the tolerance, ``(runs,)``.
        complete: Whether the orthogonal complement was searched and held nothing beyond
            the values given, ``(runs,)``.
        products: Products made for each run, integers ``(runs,)``.
    """

    largest: Tensor
    smallest: Tensor
    largest_bounds: Tensor
    smallest_bounds: Tensor
    converged: Tensor
    complete: Tensor
    products: Tensor


def places(count: int) -> int:
    """Vectors of the search space for ``count`` eigenvalues at either end."""
    return 4 * count + 20


def extreme_eigenvalues(
    operator: SymmetricOperator,
    start: Tensor,
    *,
    count: int,
    tolerance: float,
    max_products: int,
) -> Extremes:
    """The ``count`` largest and smallest eigenvalues of every operator.

    Args:
        operator: The matrices.
        start: Start vectors, ``(runs, size)``.
        count: How many at either end; at most ``size`` are given.
        tolerance: Bound of a converged value, relative to the largest magnitude.
        max_products: Products after which a run ends as it is; at least ``2 count``
            are made.

    Returns:
        The eigenvalues.
    """
    size = operator.size
    count = min(count, size)
    width = min(size, places(count))
    kept = count + (width - 2 * count) // 6
    budget = max(max_products, 2 * count)
    tolerance = max(tolerance, 100 * torch.finfo(start.dtype).eps)
    best = _Ends.unknown(start, count)
    runs = torch.arange(len(start), device=start.device)
    reference = best.values
    space = SearchSpace.begin(start, width)
    products = 0
    while len(runs):
        end = min(width, space.filled + budget - products)
        products += end - space.filled
        space.extend(operator, end)
        ritz = space.ritz()
        ends = _Ends.of(ritz, reference, count, tolerance, products)
        if end == size:
            ends.complete.fill_(value=True)
        over = ends.complete | ~ends.values.isfinite().all(dim=1)
        if products >= budget:
            over = torch.ones_like(over)
        best.write(runs[over], ends, over)
        afresh = ends.settled & (ends.told_apart | reference.isnan().all(dim=1))
        reference = torch.where(afresh[:, None], ends.values, reference)
        left = (~over).nonzero()[:, 0]
        if len(left) < len(runs):
            runs, reference, afresh = runs[left], reference[left], afresh[left]
            operator, space, ritz = (
                operator.take(left),
                space.take(left),
                ritz.take(left),
            )
        if len(runs):
            space.restart(ritz, afresh=afresh, wanted=count, kept=kept)
    return best.extremes(tolerance)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """Both ends of the Ritz values, and what is known of them.

    Attributes:
        values: Smallest and then largest, each ascending, ``(runs, 2 count)``.
        bounds: Residual norms, ``(runs, 2 count)``.
        settled: Whether they will not gain from more steps, ``(runs,)``.
        told_apart: Whether the next values inwards are known not to be among them.
        complete: Whether besides they did not change since they last were settled.
        products: Made so far.
    """

    values: Tensor
    bounds: Tensor
    settled: Tensor
    told_apart: Tensor
    complete: Tensor
    products: Tensor

    @classmethod
    def unknown(cls, start: Tensor, count: int) -> Self:
        """Nothing known yet."""
        runs = len(start)
        no = torch.zeros(runs, dtype=torch.bool, device=start.device)
        return cls(
            values=start.new_full((runs, 2 * count), torch.nan),
            bounds=start.new_full((runs, 2 * count), torch.nan),
            settled=no,
            told_apart=no,
            complete=no.clone(),
            products=no.long(),
        )

    @classmethod
    def of(
        cls,
        ritz: Ritz,
        reference: Tensor,
        count: int,
        tolerance: float,
        products: int,
    ) -> Self:
        """The ends of Ritz values, compared with those when they last were settled."""
        values, bounds = ritz.values, ritz.coupling + ritz.leak
        limit = tolerance * values.abs().amax(dim=1)
        found = _outer(values, count)
        settled = _outer(ritz.coupling, count).amax(dim=1) <= limit / 4
        same = (found - reference).abs().amax(dim=1) <= limit
        told_apart = torch.zeros_like(settled)
        if values.shape[1] > 2 * count:
            inner = slice(count, -count)
            spurious = ritz.spurious[:, inner]
            high = torch.where(spurious, -torch.inf, values[:, inner]).max(dim=1)
            low = torch.where(spurious, torch.inf, values[:, inner]).min(dim=1)
            reach = bounds[:, inner].gather(
                1, torch.stack([low.indices, high.indices], dim=1)
            )
            told_apart = (high.values + reach[:, 1] <= values[:, -count] + limit) & (
                low.values - reach[:, 0] >= values[:, count - 1] - limit
            )
        return cls(
            values=found,
            bounds=_outer(bounds, count),
            settled=settled,
            told_apart=told_apart,
            complete=settled & told_apart & same,
            products=torch.full_like(settled, products, dtype=torch.int64),
        )

    def write(self, runs: Tensor, ends: "_Ends", over: Tensor) -> None:
        """Writes down the runs that are over."""
        self.values[runs] = ends.values[over]
        self.bounds[runs] = ends.bounds[over]
        self.complete[runs] = ends.complete[over]
        self.products[runs] = ends.products[over]

    def extremes(self, tolerance: float) -> Extremes:
        """The result."""
        count = self.values.shape[1] // 2
        limit = tolerance * self.values.abs().amax(dim=1)
        return Extremes(
            largest=self.values[:, count:].flip(1),
            smallest=self.values[:, :count],
            largest_bounds=self.bounds[:, count:].flip(1),
            smallest_bounds=self.bounds[:, :count],
            converged=self.bounds.amax(dim=1) <= limit,
            complete=self.complete,
            products=self.products,
        )


def _outer(values: Tensor, count: int) -> Tensor:
    return torch.cat([values[:, :count], values[:, -count:]], dim=1)
