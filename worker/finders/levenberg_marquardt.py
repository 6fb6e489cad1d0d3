"""Levenberg-Marquardt on the gradient, with geodesic acceleration.

A step minimises the linear model ``|g + H p|^2 + m |p|^2`` and is bent to second
order: the curvature ``c`` of the gradient along ``p``, from one more gradient at
``theta + h p``, gives the correction ``a`` that minimises ``|c + H a|^2 + m |a|^2``.
Steps follow the curved valleys of ``|g|^2`` that way; deep linear autoencoders need a
third of the Hessians. (No limit on ``|a|``, as the reference sets one, was of use:
``a`` falls with ``m`` faster than ``p``, and too long a one is refused.)

The regulariser is ``m = mu min(1, |g|)``, so that steps become Newton's near a critical
point. A run's ``mu`` falls where ``|g|^2`` falls as predicted and rises where it does
not. A refused step is tried again with a larger one, by the same decomposition of
``H``, which costs two gradients. ``|g|^2`` falls at every step, and what a search
converges to is a stationary point of it: critical, or strictly gradient-flat.

References:
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1978.
    Transtrum, Sethna, Improvements to the Levenberg-Marquardt algorithm for nonlinear
    least-squares minimization, arXiv 1201.5885, 2012: geodesic acceleration.
    Fan, Yuan, On the quadratic convergence of the Levenberg-Marquardt method without
    nonsingularity assumption, Computing 74, 2005: regularisers that vanish with the
    residual.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import FinderState, Point, Step
from worker.finders.flatness import Flatness
from worker.linalg.reductions.krylov_growth import krylov_vectors
from worker.linalg.reductions.reduction import Reduction, reduce
from worker.objectives.base import Objective
from worker.objectives.rounding import gradient_error

_ACCEPTED = 1e-4  # least ratio of actual to predicted decrease
_GOOD, _BAD = 0.75, 0.25  # ratios beyond which mu changes
_FACTOR = 3.0
_LEAST, _MOST = 1e-12, 1e16
_TRIALS = 15
_SOON = 3  # refusals after which mu rises faster, and after as many again
_MISSING = 1e-3  # share of the reduction that a larger Krylov space would add
_STRIDE = 0.1  # h, the share of the step over which curvature is measured
_PATIENCE = 100
_NEAR = 1e-3  # |H g| / (|H| |g|) near a gradient-flat point


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LevenbergMarquardt:
    """Damped least-squares steps towards a zero gradient.

    Attributes:
        regularisation: First ``mu``.
    """

    regularisation: float = 1e-2

    def __post_init__(self) -> None:
        if not 0.0 < self.regularisation <= _MOST:
            raise ValueError(f"regularisation must lie above 0, at {_MOST} at most")

    @property
    def patience(self) -> int:
        """Iterations in which a run that gets anywhere has made noticeable progress."""
        return _PATIENCE

    @property
    def settles_below(self) -> float:
        """Steps neglect the third derivative: near a flat point they are slow."""
        return _NEAR

    def initial_state(self, theta: Tensor) -> FinderState:
        """Every run begins with the same ``mu``."""
        return {"mu": theta.new_full((len(theta),), self.regularisation)}

    def products(self, size: int) -> int:
        """Those of a Krylov space that holds nearly the whole step."""
        return size

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """Those of the trial points, and a Krylov basis."""
        return 32 + (0 if formed else krylov_vectors(size, item))

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """Tries ever larger ``mu`` until the gradient norm falls."""
        square = point.squared_gradient_norm
        factor = square.sqrt().clamp(max=1.0)
        mu = state["mu"].clone()
        reduction = reduce(
            point.hessian,
            point.gradient,
            regularisations=(factor * mu)[None],
            tolerance=_MISSING,
        )
        theta = point.theta.clone()
        accepted = torch.zeros_like(square, dtype=torch.bool)
        evaluations = torch.zeros_like(accepted, dtype=torch.int64)
        rounding = gradient_error(reduction.norm, theta)
        ceiling = (square.sqrt() - rounding).clamp(min=0).square()
        rows = torch.arange(len(theta), device=theta.device)
        for refusals in range(_TRIALS):
            trial = _try(
                objective,
                theta[rows],
                point.gradient[rows],
                reduction if len(rows) == len(theta) else reduction.take(rows),
                (factor * mu)[rows],
                rounding=rounding[rows],
            )
            evaluations[rows] += 2
            passed = (trial.ratio > _ACCEPTED) & (trial.square < ceiling[rows])
            theta[rows[passed]] = trial.theta[passed]
            accepted[rows[passed]] = True
            rise = _FACTOR ** (1 + refusals // _SOON)
            mu[rows] = _adapted(mu[rows], trial.ratio, passed, rise=rise)
            rows = rows[~passed]
            if not len(rows):
                break
        flatness = Flatness.of(reduction, point.theta)
        return Step(
            theta=theta,
            accepted=accepted,
            step_size=torch.where(accepted, 1.0, torch.full_like(square, torch.nan)),
            relative_residual=flatness.relative_residual,
            relative_residual_krylov=flatness.relative_residual_krylov,
            hessian_norm=reduction.norm,
            gradient_evaluations=evaluations,
            hessian_vector_products=reduction.products,
            state={"mu": mu},
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A trial point of every run.

    Attributes:
        theta: ``(runs, parameters)``.
        square: ``|g|^2`` there, infinite where it is not finite, ``(runs,)``.
        ratio: Actual to predicted decrease of ``|g|^2``, ``(runs,)``.
    """

    theta: Tensor
    square: Tensor
    ratio: Tensor


def _try(
    objective: Objective,
    theta: Tensor,
    gradient: Tensor,
    reduction: Reduction,
    regularisation: Tensor,
    *,
    rounding: Tensor,
) -> _Trial:
    """Makes a step, bent where its curvature is more than the rounding of gradients."""
    steps = reduction.regularised(regularisation[None])
    p, image = steps.directions[0], steps.images[0]
    _, ahead = objective.gradient(theta + _STRIDE * p)
    curvature = ((ahead - gradient) / _STRIDE - image) / _STRIDE
    known = curvature.norm(dim=1) > rounding / _STRIDE**2
    bend = reduction.correction(curvature, regularisation)
    bend = torch.where(known[:, None], bend, 0)
    _, found = objective.gradient(end := theta + p + bend)
    square = found.square().sum(1)
    square = torch.where(square.isfinite(), square, torch.inf)
    old = gradient.square().sum(1)
    return _Trial(
        theta=end,
        square=square,
        ratio=(old - square) / (old - steps.squared_residual[0]),
    )


def _adapted(mu: Tensor, ratio: Tensor, accepted: Tensor, *, rise: float) -> Tensor:
    rises = ~accepted | (ratio < _BAD)
    falls = ~rises & (ratio > _GOOD)
    factor = torch.where(rises, rise, torch.where(falls, 1 / _FACTOR, 1.0))
    return (factor * mu).clamp(_LEAST, _MOST)
