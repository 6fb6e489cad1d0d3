"""Extreme eigenvalues, multiplicities included.

A Krylov space from one vector holds one eigenvector of each eigenvalue, however often
the eigenvalue occurs. So once the wanted Ritz pairs have converged they alone are kept,
and the process goes on from a random vector orthogonal to them, until either they
change, and the round begins again, or it is all but certain that nothing was missed.

Where no eigenvalue can be below some number, as those of a semi-definite matrix, Ritz
values near that number are as good as converged: each is at least the eigenvalue of its
place, by the theorem of Courant and Fischer. Nothing is missed below them either.
"""

import math
from collections.abc import Callable, Mapping
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from worker.linalg.extremes.basis import Storage
from worker.linalg.extremes.complement import MISSED, Complement
from worker.linalg.extremes.extremes import Extremes
from worker.linalg.extremes.forecast import Forecast
from worker.linalg.extremes.thick_restart import Ritz, SearchSpace
from worker.linalg.operators import SymmetricOperator

_LOOKS = 20
"""Times that the Ritz values are looked at while a space fills, at most."""

_NEAR = 0.7
"""Of the tolerance: so near to the least that is possible, and to a vector's value."""

_FASTEST = 0.5 * math.log(10)
"""How fast logarithms of residuals are expected to fall with every step, at most."""


def places(count: int) -> int:
    """Vectors of the search space for ``count`` eigenvalues at either end."""
    return 5 * count + 40


@final
class ExtremeSearch:
    """A search for the ``count`` largest and smallest eigenvalues of every operator.

    When it has ended, each run's space holds the Ritz vectors of the values given, by
    ascending value, and nothing else.

    Attributes:
        space: The Ritz vectors, and the vectors of the Krylov space.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        count: int,
        width: int,
        tolerance: float,
        max_products: int,
        smallest: bool = True,
        least: float | None = None,
        vectors: bool = True,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Begins, or goes on.

        Args:
            space: Where it begins or where it was.
            count: How many at either end; at most ``size`` are given, and no product
                is made for none.
            width: Vectors of the Krylov space at most; `places` are enough.
            tolerance: Bound of a converged value, relative to the largest magnitude.
            max_products: Products after which a run ends as it is; at least ``2 count``
                are made.
            smallest: Whether the smallest are wanted too.
            least: What no eigenvalue is below, where that is known.
            vectors: Whether eigenvectors near it have to converge too.
            state: What `to_tensors` gave, to go on.
        """
        runs, size = space.vector.shape
        self.space = space
        self._size = size
        self._count = min(count, size)
        self._low = self._count if smallest else 0
        self._least = least
        self._vectors = vectors
        wanted = self._low + self._count
        self._width = min(size, width, space.basis.places)
        self._interval = max(2, self._width // _LOOKS)
        self._budget = max(max_products, wanted)
        eps = torch.finfo(space.basis.rows.dtype).eps
        self._tolerance = max(tolerance, 100 * eps)
        unknown = space.vector.new_full((runs, wanted), torch.nan)
        fresh = {
            "values": unknown,
            "bounds": unknown.clone(),
            "complete": torch.full_like(space.beta, not wanted, dtype=torch.bool),
            "products": torch.full_like(
                space.beta, -1 if wanted else 0, dtype=torch.int64
            ),
            "look": torch.full_like(space.beta, wanted, dtype=torch.int64),
        }
        given = fresh if state is None else state
        self._state = {
            name: given[name].to(space.vector.device, copy=True) for name in fresh
        }
        self._complement = Complement(
            space.vector,
            lowest=self._low,
            highest=self._count,
            state=state,
        )
        self._forecast = Forecast(
            space.beta, usual=5 * places(count) // 2, most=self._budget, state=state
        )

    def run(self, operator: SymmetricOperator, on_step: Callable[[], None]) -> Extremes:
        """Searches to the end.

        Args:
            operator: The matrices.
            on_step: Called after every step, when the state is whole; may raise.

        Returns:
            The eigenvalues.
        """
        active, part = self._active(), operator
        if 0 < len(active) < operator.runs:
            part = self._take(operator, active)
        while active:
            self.space.step(part, active)
            self._complement.step(self.space.beta)
            due = self._due(active)
            for filled in {self.space.filled[run] for run in due}:
                self._look([run for run in due if self.space.filled[run] == filled])
            left = self._active() if due else active
            if 0 < len(left) < len(active):
                part = self._take(operator, left)
            active = left
            on_step()
        return self._extremes()

    @property
    def products_expected(self) -> int:
        """How many it will probably have made at its end, and has made once ended."""
        if self._active():
            return self._forecast.expected(self.space.steps)
        return int(self._state["products"].max())

    def to_tensors(self) -> dict[str, Tensor]:
        """What is known beside the space."""
        parts = (self._complement, self._forecast)
        return self._state | {
            name: each for part in parts for name, each in part.to_tensors().items()
        }

    def _active(self) -> list[int]:
        return (self._state["products"] < 0).nonzero()[:, 0].tolist()

    def _take(self, operator: SymmetricOperator, runs: list[int]) -> SymmetricOperator:
        return operator.take(torch.tensor(runs, device=self.space.beta.device))

    def _due(self, active: list[int]) -> list[int]:
        """Numbers of the runs whose Ritz values are to be looked at."""
        steps = self.space.steps
        if steps >= self._budget:
            return active
        look = self._state["look"].tolist()
        return [
            run
            for run in active
            if steps >= look[run] or self.space.filled[run] == self._width
        ]

    def _look(self, runs: list[int]) -> None:
        """Looks at the Ritz values of runs that have filled equally many places."""
        filled = self.space.filled[runs[0]]
        if filled < self._low + self._count and filled < self._size:
            return
        ritz = self.space.ritz(runs)
        ends = self._ends(filled, ritz)
        values, coupling = ritz.values[:, ends], ritz.last[:, ends].abs()
        tiny = torch.finfo(values.dtype).tiny
        limit = self._tolerance * ritz.values.abs().amax(dim=1).clamp_min(tiny)
        certain = self._at_least(values, limit)
        if not self._vectors:
            coupling[:, : self._low] *= ~certain[:, None]
        settled = coupling.amax(dim=1) <= limit / 4
        same = self._complement.same(runs, values, limit, certain)
        chance = self._complement.log_chance(runs, ritz.values, limit, certain)
        searched = chance <= math.log(MISSED)
        complete = settled & same & searched
        if filled == self._size:
            complete = torch.ones_like(complete)
        over = complete | ~values.isfinite().all(dim=1)
        if self.space.steps >= self._budget:
            over = torch.ones_like(over)
        unsettled = (coupling.amax(dim=1) / (limit / 4)).log()
        unsearched = torch.where(same, chance - math.log(MISSED), 0)
        self._wait(runs, unsettled.maximum(unsearched))
        self._end(
            _those(runs, over), ritz.take(over), ends, certain[over], complete[over]
        )
        afresh = ~over & settled & (searched | ~same)
        self._go_on_afresh(_those(runs, afresh), ritz.take(afresh), ends)
        if filled == self._width:
            rest = ~over & ~afresh
            self._restart(_those(runs, rest), ritz.take(rest), limit[rest])

    def _wait(self, runs: list[int], missing: Tensor) -> None:
        """Puts off the next look, by the logarithms that are missing, ``(k,)``."""
        self._forecast.look(runs, self.space.steps, missing)
        steps = (missing / _FASTEST).nan_to_num(0).clamp(self._interval, self._width)
        self._state["look"][runs] = self.space.steps + steps.long()

    def _at_least(self, values: Tensor, limit: Tensor) -> Tensor:
        """Whether the smallest wanted values cannot be much smaller, ``(k,)`` bool."""
        if self._least is None:
            return torch.zeros_like(limit, dtype=torch.bool)
        above = values[:, : self._low] - self._least
        return (above <= _NEAR * limit[:, None]).all(dim=1)

    def _ends(self, filled: int, ritz: Ritz) -> Tensor:
        """Numbers of the wanted Ritz pairs, smallest and then largest."""
        numbers = torch.arange(filled, device=ritz.values.device)
        return torch.cat([numbers[: self._low], numbers[-self._count :]])

    def _bounds(
        self, runs: list[int], ritz: Ritz, ends: Tensor, certain: Tensor
    ) -> Tensor:
        """How close an eigenvalue lies to each wanted value, ``(k, wanted)``."""
        bounds = self.space.bounds(runs, ritz)[:, ends]
        if self._least is None or self._vectors:
            return bounds
        rounding = torch.finfo(bounds.dtype).eps * ritz.values.abs().amax(dim=1)
        low = ritz.values[:, ends[: self._low]]
        above = (low - self._least).abs() + rounding[:, None]
        bounds[:, : self._low] = torch.where(
            certain[:, None], above, bounds[:, : self._low]
        )
        return bounds

    def _end(
        self,
        runs: list[int],
        ritz: Ritz,
        ends: Tensor,
        certain: Tensor,
        complete: Tensor,
    ) -> None:
        if not runs:
            return
        self._state["values"][runs] = ritz.values[:, ends]
        self._state["bounds"][runs] = self._bounds(runs, ritz, ends, certain)
        self._state["complete"][runs] = complete
        self._state["products"][runs] = self.space.steps
        self._forecast.end(runs, self.space.steps)
        self.space.restart(runs, ritz, ends.unique())

    def _go_on_afresh(self, runs: list[int], ritz: Ritz, ends: Tensor) -> None:
        if runs:
            self._complement.begin(runs, ritz.values[:, ends])
            self._forecast.end_of_round(runs, self.space.steps)
            self.space.restart_afresh(runs, ritz, ends)

    def _restart(self, runs: list[int], ritz: Ritz, limit: Tensor) -> None:
        if not runs:
            return
        spare = (self._width - self._low - self._count) // 3
        numbers = torch.arange(self._width, device=limit.device)
        low = self._low + spare if self._low else 0
        high = self._width - self._count - spare
        dropped = ritz.values[:, low:high]
        self._complement.drop(runs, dropped, limit)
        self.space.restart(runs, ritz, torch.cat([numbers[:low], numbers[high:]]))

    def _extremes(self) -> Extremes:
        low = self._low
        values, bounds = self._state["values"], self._state["bounds"]
        scale = functional.pad(values.abs(), (0, 1)).amax(dim=1, keepdim=True)
        limit = self._tolerance * scale
        converged = bounds <= limit
        return Extremes(
            largest=values[:, low:].flip(1),
            smallest=values[:, :low],
            largest_bounds=bounds[:, low:].flip(1),
            smallest_bounds=bounds[:, :low],
            largest_converged=converged[:, low:].flip(1),
            smallest_converged=converged[:, :low],
            complete=self._state["complete"],
            products=self._state["products"],
        )


def _those(runs: list[int], chosen: Tensor) -> list[int]:
    return [run for run, wanted in zip(runs, chosen.tolist(), strict=True) if wanted]


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
    width = min(operator.size, places(count))
    space = SearchSpace.begin(start, width, Storage.of(start))
    space.start(start)
    search = ExtremeSearch(
        space,
        count=count,
        width=width,
        tolerance=tolerance,
        max_products=max_products,
    )
    return search.run(operator, lambda: None)
