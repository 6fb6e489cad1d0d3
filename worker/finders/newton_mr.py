"""Newton-MR: minimum-residual, minimum-length Newton steps.

The direction solves ``H p = -g`` by MINRES-QLP to a loose tolerance: ``p`` has minimum
length where ``H`` is singular, and the early stop regularises. A run first tries the
pure step ``alpha = 1``, which must achieve the share ``rho'`` of the linear decrease of
``|g|^2``; else it backtracks from its own ``alpha``, and begins the next search at
``min(1, alpha / beta)``. Two safeguards go beyond the thesis:

- The solver's co-kernel test ``|H r| <= rtol |H| |r|`` holds at once where the gradient
  lies in eigenvectors with small eigenvalues; runs would stay there though ``H`` is
  regular. Newton-MR asks that ``|H r|`` be reduced against ``|H g|``: where the solve
  stopped short of that, it is repeated to a tighter tolerance. The relative residual
  reported is that of the first solve.
- A run whose Newton step is refused descends along ``-H g``.

Without them a run stays in a gradient-flat region, as the paper found.

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

from worker.finders.base import STATIONARY, FinderState, Point, Step
from worker.finders.descent import descend, unknown_step_size
from worker.finders.line_search import LineSearch, backtrack
from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.minres.solution import Solution, SolveStop
from worker.linalg.reductions.newton_system import NewtonSystem
from worker.objectives.base import Objective

_MOST_KRYLOV_ITERATIONS = 1000
_INEXACTNESS = 0.1  # theta of the reference's inexactness condition
_TIGHTER = 1e-2
_PATIENCE = 100


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewtonMr:
    """Newton-MR with a two-stage line search.

    Attributes:
        rtol: Relative residual, or co-kernel residual, at which the solve stops.
        max_krylov_iterations: Of one solve; None is the number of parameters, 1,000 at
            most.
        step_size: First step size alpha of the backtracking.
        backtracking_factor: beta.
        sufficient_decrease: rho, asked of a backtracked step.
        full_step_decrease: rho', asked of the pure step; 1/2 is all that the linear
            model of ``g`` promises.
        max_step_norm: Norm at which the solve stops.
        max_condition: Condition number at which the solve stops.
        safeguards: Whether short solves are repeated and refused steps replaced.
    """

    rtol: float = 5e-4
    max_krylov_iterations: int | None = None
    step_size: float = 0.1
    backtracking_factor: float = 0.5
    sufficient_decrease: float = 1e-4
    full_step_decrease: float = 0.25
    max_step_norm: float = 1e4
    max_condition: float = 1e7
    safeguards: bool = True

    def __post_init__(self) -> None:
        for name in ("rtol", "backtracking_factor", "sufficient_decrease"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, both excluded")
        for name in ("step_size", "full_step_decrease"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1")

    @property
    def patience(self) -> int:
        """Iterations in which a run that gets anywhere has made noticeable progress."""
        return _PATIENCE

    @property
    def settles_below(self) -> float:
        """A run may leave the neighbourhood of a flat point by itself."""
        return STATIONARY

    def initial_state(self, theta: Tensor) -> FinderState:
        """Every run begins with the same step size."""
        return {
            "step_size": theta.new_full((len(theta),), self.step_size),
            "descent": unknown_step_size(theta),
        }

    def products(self, size: int) -> int:
        """Those of one solve."""
        return self.max_krylov_iterations or min(size, _MOST_KRYLOV_ITERATIONS)

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """Those of the solver, twice, and of the line searches."""
        del size, item, formed
        return 40

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """Solves for the Newton steps and searches along them."""
        system = NewtonSystem.of(point.hessian, point.gradient)
        solution = self._solve(system, self.rtol)
        direction, products = self._sharpen(point, system, solution)
        ones = torch.ones_like(point.value)
        pure = self._search(
            objective,
            point,
            direction,
            ones,
            decrease=self.full_step_decrease,
            searching=ones > 0,
            max_trials=1,
        )
        damped = self._search(
            objective,
            point,
            direction,
            state["step_size"],
            decrease=self.sufficient_decrease,
            searching=~pure.accepted,
        )
        refused = ~(pure.accepted | damped.accepted)
        exact = point.frobenius_norm
        norm = torch.where(exact.isfinite(), exact, solution.norm_estimate)
        steepest, descent = descend(
            objective,
            point,
            state["descent"],
            hessian_norm=norm,
            searching=refused & self.safeguards,
        )
        scale = norm * solution.x.norm(dim=1) + point.gradient.norm(dim=1)
        taken = damped.step_size.where(~pure.accepted, ones)
        grown = (damped.step_size / self.backtracking_factor).clamp(max=1.0)
        return Step(
            theta=torch.where(
                pure.accepted[:, None],
                pure.theta,
                torch.where(damped.accepted[:, None], damped.theta, steepest.theta),
            ),
            accepted=~refused | steepest.accepted,
            step_size=torch.where(refused, steepest.step_size, taken),
            relative_residual=solution.residual_norm / scale,
            relative_residual_krylov=solution.relative_residual,
            hessian_norm=norm,
            gradient_evaluations=pure.gradient_evaluations
            + damped.gradient_evaluations
            + steepest.gradient_evaluations,
            hessian_vector_products=products,
            state={
                "step_size": torch.where(refused, state["step_size"], grown),
                "descent": descent,
            },
        )

    def _solve(self, system: NewtonSystem, rtol: float) -> Solution:
        # Its many small operations take less time where autograd watches none; only
        # products with a network's Hessian need it.
        with torch.inference_mode(mode=system.vectors is not None):
            return minres_qlp(
                system.hessian,
                system.rhs,
                rtol=rtol,
                max_iterations=self.products(system.hessian.size),
                max_solution_norm=self.max_step_norm,
                max_condition=self.max_condition,
            )

    def _sharpen(
        self, point: Point, system: NewtonSystem, solution: Solution
    ) -> tuple[Tensor, Tensor]:
        """Directions, solved again where the first solve hardly began; products."""
        by_cokernel = torch.tensor(
            [stop is SolveStop.COKERNEL_RESIDUAL for stop in solution.stop],
            device=point.theta.device,
        )
        wanted = _INEXACTNESS * point.hessian_gradient.norm(dim=1)
        hardly_begun = by_cokernel & (solution.cokernel_residual_norm > wanted)
        short = hardly_begun & self.safeguards
        rows = torch.nonzero(short)[:, 0]
        found, products = solution.x.clone(), solution.products.clone()
        if len(rows):
            again = self._solve(system.take(rows), _TIGHTER * self.rtol)
            found[rows] = again.x
            products[rows] += again.products
        return system.lift(found), products

    def _search(
        self,
        objective: Objective,
        point: Point,
        direction: Tensor,
        step_size: Tensor,
        *,
        decrease: float,
        searching: Tensor,
        max_trials: int | None = None,
    ) -> LineSearch:
        return backtrack(
            objective,
            point,
            direction,
            step_size=step_size,
            factor=self.backtracking_factor,
            sufficient_decrease=decrease,
            searching=searching,
            max_trials=max_trials,
        )
