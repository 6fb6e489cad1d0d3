"""The relative residual of an iterate whose finder does not solve for Newton steps."""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.minres.judging_step import judging_step
from worker.linalg.reductions.reduction import Reduction, SpectralReduction


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
    def of(cls, reduction: Reduction, theta: Tensor) -> Self:
        """By the classifier's solve, in the coordinates of a reduction at ``theta``."""
        hessian, gradient = reduction.coordinates()
        whole = isinstance(reduction, SpectralReduction)
        # Its many small operations take less time where autograd watches none.
        with torch.inference_mode():
            solution = judging_step(
                hessian,
                gradient,
                theta,
                max_iterations=None if whole else hessian.size,
            )
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
