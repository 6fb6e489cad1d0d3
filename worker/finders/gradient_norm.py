"""Descent on half the squared gradient norm ``G = |g|^2 / 2``, along ``-H g``.

The step sizes adapt to the curvature of ``G`` met on the way, so that they need not be
tuned to the scale of the problem: those of plain and heavy-ball descent follow half its
inverse, and backtracking begins with the shorter ones of Barzilai and Borwein, which
mostly are accepted. The first step of all takes one product more, to minimise
``|g - alpha H^2 g|``.

References:
    Barzilai, Borwein, Two-point step size gradient methods, IMA Journal of Numerical
    Analysis 8, 1988.
    Malitsky, Mishchenko, Adaptive gradient descent without descent, ICML 2020,
    algorithm 1.
"""

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import Tensor

from worker.finders.base import STATIONARY, FinderState, Point, Step
from worker.finders.line_search import backtrack
from worker.finders.secants import (
    adaptive_step_size,
    barzilai_borwein_step_size,
    cauchy_step_size,
    hessian_norm,
    unknown_secants,
)
from worker.finders.wolfe import bisect
from worker.objectives.base import Objective

_FACTOR = 0.5
_SUFFICIENT_DECREASE = 1e-4
_PATIENCE = 1000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """Where a step led, and what that cost; ``(runs, ...)`` each."""

    theta: Tensor
    accepted: Tensor
    step_size: Tensor
    gradient_evaluations: Tensor
    products: Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GradientNorm:
    """First-order descent on the gradient norm.

    Attributes:
        method: ``gradient_descent``; ``momentum``, the same with a heavy ball;
            ``backtracking``, a line search at every step, so that ``|g|`` always falls.
        learning_rate: Step size of the first two methods, and of the first trial of a
            line search; None adapts it.
        momentum: Share of the last step that is added, by the method of this name.
        criterion: What a line search accepts: ``wolfe``, the weak Wolfe conditions, or
            ``newton_mr``, a sufficient decrease of ``|g|^2``.
    """

    method: Literal["gradient_descent", "momentum", "backtracking"] = "backtracking"
    learning_rate: float | None = None
    momentum: float = 0.9
    criterion: Literal["wolfe", "newton_mr"] = "newton_mr"

    def __post_init__(self) -> None:
        if self.learning_rate is not None and not self.learning_rate > 0.0:
            raise ValueError("learning_rate must be above 0")
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError("momentum must be at least 0 and below 1")

    @property
    def patience(self) -> int:
        """Iterations in which a run that gets anywhere has made noticeable progress."""
        return _PATIENCE

    @property
    def settles_below(self) -> float:
        """A run may leave the neighbourhood of a flat point by itself."""
        return STATIONARY

    def initial_state(self, theta: Tensor) -> FinderState:
        """No step has been made yet."""
        return unknown_secants(theta)

    def products(self, size: int) -> int:
        """One, whatever the size."""
        return min(size, 1)

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """Those of the trial points."""
        del size, item, formed
        return 24

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """Moves along ``-H g``."""
        norm = hessian_norm(point, state, smooth=objective.smooth)
        trial, products = self._first_trial(point, state)
        moved = (
            self._search(objective, point, trial)
            if self.method == "backtracking"
            else self._take(point, state, trial)
        )
        unknown = torch.full_like(point.value, torch.nan)
        ratio = moved.step_size / state["step_size"]
        return Step(
            theta=moved.theta,
            accepted=moved.accepted,
            step_size=moved.step_size,
            relative_residual=unknown,
            relative_residual_krylov=unknown,
            hessian_norm=norm,
            gradient_evaluations=moved.gradient_evaluations,
            hessian_vector_products=products + moved.products,
            state={
                "last_theta": point.theta,
                "last_slope": point.hessian_gradient,
                "step_size": moved.step_size,
                "growth": ratio.nan_to_num(nan=torch.inf),
                "norm": norm,
            },
        )

    def _first_trial(self, point: Point, state: FinderState) -> tuple[Tensor, Tensor]:
        """Step sizes to take or to begin with, and the products they cost."""
        last = state["step_size"]
        products = torch.zeros_like(last, dtype=torch.int64)
        if self.method == "backtracking":
            curved = barzilai_borwein_step_size(point, state)
            trial = torch.where(curved.isnan(), last / _FACTOR, curved)
        else:
            trial = adaptive_step_size(point, state)
        if self.learning_rate is not None:
            whole = self.method != "backtracking"
            fixed = torch.ones_like(last, dtype=torch.bool) if whole else last.isnan()
            return torch.where(fixed, self.learning_rate, trial), products
        first = last.isnan().nonzero()[:, 0]
        if len(first):
            share = 1.0 if self.method == "backtracking" else 0.5
            trial[first] = share * cauchy_step_size(point, first)
            products[first] = 1
        return trial, products

    def _take(self, point: Point, state: FinderState, step_size: Tensor) -> _Moved:
        """A step of the given size, whatever becomes of the gradient."""
        step = -step_size[:, None] * point.hessian_gradient
        if self.method == "momentum":
            step += self.momentum * (point.theta - state["last_theta"]).nan_to_num(0.0)
        none = torch.zeros_like(step_size, dtype=torch.int64)
        return _Moved(
            theta=point.theta + step,
            accepted=step.isfinite().all(1) & (step != 0).any(1),
            step_size=step_size,
            gradient_evaluations=none,
            products=none,
        )

    def _search(self, objective: Objective, point: Point, step_size: Tensor) -> _Moved:
        """A step that satisfies the criterion."""
        direction = -point.hessian_gradient
        if self.criterion == "wolfe":
            found = bisect(objective, point, direction, step_size=step_size)
            evaluations = products = found.trials
        else:
            found = backtrack(
                objective,
                point,
                direction,
                step_size=step_size,
                factor=_FACTOR,
                sufficient_decrease=_SUFFICIENT_DECREASE,
                searching=torch.ones_like(step_size, dtype=torch.bool),
            )
            evaluations = found.gradient_evaluations
            products = torch.zeros_like(evaluations)
        return _Moved(
            theta=found.theta,
            accepted=found.accepted,
            step_size=found.step_size,
            gradient_evaluations=evaluations,
            products=products,
        )
