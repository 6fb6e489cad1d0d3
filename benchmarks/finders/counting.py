"""Counts of what is asked of an objective."""

from dataclasses import dataclass
from typing import final

from worker.objectives.observed import Call


@final
@dataclass(slots=True, kw_only=True)
class Counts:
    """Evaluations so far, summed over the runs; to be told of every call.

    Attributes:
        gradients: Gradients, those of linearisations included.
        products: Hessian products, those with formed Hessians not included.
        hessians: Hessians formed.
    """

    gradients: int = 0
    products: int = 0
    hessians: int = 0

    def __call__(self, call: Call, runs: int) -> None:
        """Counts a call."""
        match call:
            case Call.GRADIENT | Call.LINEARISATION:
                self.gradients += runs
            case Call.PRODUCT:
                self.products += runs
            case Call.HESSIAN:
                self.hessians += runs
            case Call.VALUE:
                pass
