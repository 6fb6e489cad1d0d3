"""The relative residual of an iterate whose finder does not solve for Newton steps."""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.reductions.reduction import Reduction, SpectralReduction

RTOL = 5e-4
"""That of the solve which judges every point."""

_MOST_ITERATIONS = 1000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flatness:
    """How far the Newton system at an iterate is from being solvable.

    Attributes:
        relative_residual: ``|H p + g| / (|H| |p| + |g|)`` of the shortest Newton step
            as far as MINRES-QLP takes it, ``(runs,)``; NaN where the reduction's space
            was too small for the solve.
        relative_residual_krylov: The same with the solver's norm estimate.
    """

    relative_residual: Tensor
    relative_residual_krylov: Tensor

    @classmethod
    def of(cls, reduction: Reduction) -> Self:
        """By the classifier's solve, in the coordinates of a reduction."""
        hessian, gradient = reduction.coordinates()
        whole = isinstance(reduction, SpectralReduction)
        most = min(4 * hessian.size, _MOST_ITERATIONS) if whole else hessian.size
        # Its many small operations take less time where autograd watches none.
        with torch.inference_mode():
            solution = minres_qlp(hessian, -gradient, rtol=RTOL, max_iterations=most)
        scale = reduction.norm * solution.x.norm(dim=1) + gradient.norm(dim=1)
        known = (solution.iterations < reduction.products) | whole
        return cls(
            relative_residual=torch.where(
                known, solution.residual_norm / scale, torch.nan
            ),
            relative_residual_krylov=torch.where(
                known, solution.relative_residual, torch.nan
            ),
        )
