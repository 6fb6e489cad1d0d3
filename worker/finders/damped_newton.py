"""Damped Newton: ``(H + gamma) p = -g``, with the best of a set of dampings.

Every iterate's Hessian is decomposed once, which gives the steps for all ``gamma``; the
one that leads to the smallest gradient norm is taken. Three things need saying:

- *Signs.* In minimisation ``gamma > 0`` turns the step towards ``-g`` and makes
  ``H + gamma`` positive definite. Near a saddle ``H`` is indefinite on both sides, and
  damping an eigenvalue ``lambda < 0`` means a shift away from zero, ``gamma < 0``:
  eigenvector following moves towards saddles with shifts of either sign. Every
  damping is therefore tried with both, and the gradient norm decides.
- *Decrease.* Taking the best trial whatever its gradient does, jumps about for ever
  where no step is good: of 20 starts at the deep linear autoencoder half converged. So
  a run whose best trial does not decrease ``|g|^2`` enough shortens all its steps
  together; the undamped one is a descent direction wherever ``H`` is regular.
- *Refusal.* If that soon does not help, the run descends along ``-H g``, which leads
  farther than tiny Newton steps. So ``|g|^2`` falls at every step, and what a search
  converges to is a stationary point of it.

References:
    Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio, Identifying and attacking the
    saddle point problem in high-dimensional non-convex optimization, NeurIPS 2014: a
    set of dampings of which the best is taken.
    Cerjan, Miller, On finding transition states, Journal of Chemical Physics 75, 1981:
    shifts of either sign.
    Frye, Finding Critical and Gradient-Flat Points of Deep Neural Network Loss
    Functions, thesis, UC Berkeley, 2020.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import STATIONARY, FinderState, Point, Step
from worker.finders.descent import descend, unknown_step_size
from worker.finders.fan import best_of_fan
from worker.finders.flatness import Flatness
from worker.linalg.reductions.krylov_growth import krylov_vectors
from worker.linalg.reductions.reduction import reduce
from worker.objectives.base import Objective

_SUFFICIENT_DECREASE = 0.1
_FACTOR = 0.25
_ROUNDS = 4
_PATIENCE = 100


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DampedNewton:
    """Newton steps with the best of a set of dampings.

    Attributes:
        dampings: Absolute values of the ``gamma`` that are tried, with both signs.
    """

    dampings: tuple[float, ...] = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)

    def __post_init__(self) -> None:
        if not self.dampings or min(self.dampings) < 0.0:
            raise ValueError("dampings must be given, and none below 0")

    @property
    def patience(self) -> int:
        """Iterations in which a run that gets anywhere has made noticeable progress."""
        return _PATIENCE

    @property
    def settles_below(self) -> float:
        """A run may leave the neighbourhood of a flat point by itself."""
        return STATIONARY

    def initial_state(self, theta: Tensor) -> FinderState:
        """That of the descent a refused run makes."""
        return {"descent": unknown_step_size(theta)}

    def products(self, size: int) -> int:
        """Those of a Krylov space that holds nearly all of the gradient."""
        return size

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """The steps of all dampings, of either sign, and a Krylov basis."""
        fan = 4 * 2 * len(self.dampings)
        return 16 + fan + (0 if formed else krylov_vectors(size, item))

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """Solves for all dampings and takes the best step."""
        shifts = {sign * each for each in self.dampings for sign in (1.0, -1.0)}
        gamma = point.theta.new_tensor(sorted(shifts, key=abs))[:, None]
        gamma = gamma.expand(-1, len(point.theta))
        reduction = reduce(point.hessian, point.gradient, dampings=gamma)
        found = best_of_fan(
            objective,
            point,
            reduction.damped(gamma).directions,
            factor=_FACTOR,
            sufficient_decrease=_SUFFICIENT_DECREASE,
            max_rounds=_ROUNDS,
        )
        steepest, step_size = descend(
            objective,
            point,
            state["descent"],
            hessian_norm=reduction.norm,
            searching=~found.accepted,
        )
        flatness = Flatness.of(reduction, point.theta)
        evaluations = found.gradient_evaluations + steepest.gradient_evaluations
        return Step(
            theta=torch.where(found.accepted[:, None], found.theta, steepest.theta),
            accepted=found.accepted | steepest.accepted,
            step_size=torch.where(found.accepted, found.step_size, steepest.step_size),
            relative_residual=flatness.relative_residual,
            relative_residual_krylov=flatness.relative_residual_krylov,
            hessian_norm=reduction.norm,
            gradient_evaluations=evaluations,
            hessian_vector_products=reduction.products,
            state={"descent": step_size},
        )
