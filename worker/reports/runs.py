"""What is told of the search that led to a point."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Self, final

from worker.finders.loop.state import SearchResult

NOT_SEARCHED = "not_searched"
"""Stop reason of a start that is classified as it is."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, in plain numbers; named as in the report's points."""

    start: int
    stop_reason: str
    iterations: int
    gradient_evaluations: int
    hessian_vector_products: int
    relative_residual_max: float | None
    relative_residual_max_iteration: int | None
    ever_gradient_flat: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: SearchResult, row: int, start: int) -> Self:
        """The run in a row of a search's result."""
        largest = float(result.relative_residual_max[row])
        known = math.isfinite(largest)
        iteration = int(result.relative_residual_max_iteration[row])
        return cls(
            start=start,
            stop_reason=result.stop[row].value,
            iterations=int(result.iterations[row]),
            gradient_evaluations=int(result.gradient_evaluations[row]),
            hessian_vector_products=int(result.hessian_vector_products[row]),
            relative_residual_max=largest if known else None,
            relative_residual_max_iteration=iteration if known else None,
            ever_gradient_flat=bool(result.ever_gradient_flat[row]),
            notes=(result.stop[row].sentence,),
        )

    @classmethod
    def unsearched(cls, start: int) -> Self:
        """A start that no finder moved."""
        return cls(
            start=start,
            stop_reason=NOT_SEARCHED,
            iterations=0,
            gradient_evaluations=1,
            hessian_vector_products=0,
            relative_residual_max=None,
            relative_residual_max_iteration=None,
            ever_gradient_flat=False,
        )

    def noting(self, note: str) -> Self:
        """The same run with one more note."""
        return dataclasses.replace(self, notes=(*self.notes, note))
