"""Newton-MR: minimum-residual, minimum-length Newton steps.

The direction solves ``H p = -g`` by MINRES-QLP to a loose tolerance: ``p`` has minimum
length where ``H`` is singular, and the early stop regularises. A run first tries the
pure step ``alpha = 1``, which must achieve the share ``rho'`` of the linear decrease of
``|g|^2``; else it backtracks from its own ``alpha``, and begins the next search at
``min(1, alpha / beta)``.

References:
    Roosta, Liu, Xu, Mahoney, Newton-MR: Inexact Newton Method with Minimum Residual
    Sub-problem Solver, EURO Journal on Computational Optimization 10, 2022.
    Frye, Finding Critical and Gradient-Flat Points of Deep Neural Network Loss
    Functions, thesis, UC Berkeley, 2020, which prints ``max`` for the ``min``.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import FinderState, Point, Step
from worker.finders.line_search import backtrack
from worker.linalg.minres_qlp import minres_qlp
from worker.objectives.base import Objective

_MOST_KRYLOV_ITERATIONS = 1000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewtonMr:
    """Newton-MR with a two-stage line search.

    Attributes:
        rtol: Relative residual, or co-kernel residual, at which the solve stops.
        max_krylov_iterations: Of one solve; None is four times the number of
            parameters, 1,000 at most.
        step_size: First step size alpha of the backtracking.
        backtracking_factor: beta.
        sufficient_decrease: rho, asked of a backtracked step.
        full_step_decrease: rho', asked of the pure step.
        max_step_norm: Norm at which the solve stops.
        max_condition: Condition number at which the solve stops.
    """

    rtol: float = 5e-4
    max_krylov_iterations: int | None = None
    step_size: float = 0.1
    backtracking_factor: float = 0.5
    sufficient_decrease: float = 1e-4
    full_step_decrease: float = 0.5
    max_step_norm: float = 1e4
    max_condition: float = 1e7

    def __post_init__(self) -> None:
        for name in ("rtol", "backtracking_factor", "sufficient_decrease"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, both excluded")
        for name in ("step_size", "full_step_decrease"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1")

    def initial_state(self, theta: Tensor) -> FinderState:
        """Every run begins with the same step size."""
        return {"step_size": theta.new_full((len(theta),), self.step_size)}

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """Solves for the Newton steps and searches along them."""
        budget = self.max_krylov_iterations or min(
            4 * point.hessian.size, _MOST_KRYLOV_ITERATIONS
        )
        solution = minres_qlp(
            point.hessian,
            -point.gradient,
            rtol=self.rtol,
            max_iterations=budget,
            max_solution_norm=self.max_step_norm,
            max_condition=self.max_condition,
        )
        direction = solution.x
        exact = point.frobenius_norm
        norm = torch.where(exact.isfinite(), exact, solution.norm_estimate)
        scale = norm * direction.norm(dim=1) + point.gradient.norm(dim=1)
        pure = backtrack(
            objective,
            point,
            direction,
            step_size=torch.ones_like(point.value),
            factor=self.backtracking_factor,
            sufficient_decrease=self.full_step_decrease,
            searching=torch.ones_like(point.value, dtype=torch.bool),
            max_trials=1,
        )
        damped = backtrack(
            objective,
            point,
            direction,
            step_size=state["step_size"],
            factor=self.backtracking_factor,
            sufficient_decrease=self.sufficient_decrease,
            searching=~pure.accepted,
        )
        accepted = pure.accepted | damped.accepted
        taken = torch.where(pure.accepted, pure.step_size, damped.step_size)
        grown = (damped.step_size / self.backtracking_factor).clamp(max=1.0)
        return Step(
            theta=torch.where(pure.accepted[:, None], pure.theta, damped.theta),
            accepted=accepted,
            step_size=torch.where(accepted, taken, torch.nan),
            relative_residual=solution.residual_norm / scale,
            relative_residual_krylov=solution.relative_residual,
            hessian_norm=norm,
            gradient_evaluations=pure.gradient_evaluations
            + damped.gradient_evaluations,
            hessian_vector_products=solution.products,
            state={"step_size": grown},
        )
