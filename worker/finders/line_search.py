"""Line searches on the squared gradient norm, batched over runs.

With the merit ``G = |g|^2 / 2``, whose slope along ``p`` is ``p^T H g``, a step size
``alpha`` is acceptable where ``|g(theta + alpha p)|^2 <= |g|^2 + 2 rho alpha p^T H g``,
up to rounding: a Newton step on a quadratic attains equality with rho 1/2.

References:
    Roosta, Liu, Xu, Mahoney, Newton-MR: Inexact Newton Method with Minimum Residual
    Sub-problem Solver, EURO Journal on Computational Optimization 10, 2022, eq. (12).
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.objectives.base import Objective

_ROUNDINGS = 16  # units of eps |g|^2 in the error of the bound


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LineSearch:
    """Outcome of a line search.

    Attributes:
        theta: Accepted trial points, the old points elsewhere, ``(runs, parameters)``.
        accepted: ``(runs,)`` bool.
        step_size: Accepted step sizes, else the last one tried, ``(runs,)``.
        gradient_evaluations: Trials made, ``(runs,)``.
    """

    theta: Tensor
    accepted: Tensor
    step_size: Tensor
    gradient_evaluations: Tensor


def backtrack(
    objective: Objective,
    point: Point,
    direction: Tensor,
    *,
    step_size: Tensor,
    factor: float,
    sufficient_decrease: float,
    searching: Tensor,
    max_trials: int | None = None,
) -> LineSearch:
    """Shrinks each run's step size until its step is acceptable.

    Decreases that rounding swallows do not count. A run gives up when its slope is not
    negative, when its step no longer changes ``theta``, or after its last trial. Every
    round evaluates only the runs that are still searching.

    Args:
        objective: What is searched.
        point: Where the steps begin.
        direction: ``p``, ``(runs, parameters)``.
        step_size: First step sizes, ``(runs,)``.
        factor: What a refused step size is multiplied by.
        sufficient_decrease: The share ``rho`` of the linear decrease that is asked.
        searching: Which runs search at all, ``(runs,)`` bool.
        max_trials: Trials of a run; None is as many as it takes.

    Returns:
        The accepted points and what they cost.
    """
    slope = (direction * point.hessian_gradient).sum(1)
    theta = point.theta.clone()
    step_size = step_size.clone()
    accepted = torch.zeros_like(searching)
    trials = torch.zeros_like(searching, dtype=torch.int64)
    smallest = _smallest_step_size(point.theta, direction)
    rows = torch.nonzero(searching & (slope < 0) & direction.isfinite().all(1))[:, 0]
    rounds = 0
    while len(rows) and rounds != max_trials:
        rounds += 1
        trial = theta[rows] + step_size[rows, None] * direction[rows]
        _, gradient = objective.gradient(trial)
        trials[rows] += 1
        passed = sufficiently_smaller(
            gradient.square().sum(1),
            point.squared_gradient_norm[rows],
            2.0 * sufficient_decrease * step_size[rows] * slope[rows],
        )
        theta[rows[passed]] = trial[passed]
        accepted[rows[passed]] = True
        rows = rows[~passed]
        if rounds != max_trials:
            step_size[rows] *= factor
        rows = rows[step_size[rows] > smallest[rows]]
    return LineSearch(
        theta=theta, accepted=accepted, step_size=step_size, gradient_evaluations=trials
    )


def sufficiently_smaller(new: Tensor, old: Tensor, change: Tensor) -> Tensor:
    """Whether ``|g|^2`` fell by what is asked, up to rounding; false for NaN.

    Args:
        new: ``|g|^2`` at trial points, ``(runs,)``.
        old: Where the steps begin.
        change: The change that is asked, below zero.

    Returns:
        The verdicts, ``(runs,)`` bool.
    """
    rounding = _ROUNDINGS * torch.finfo(old.dtype).eps * old
    return (new <= old + change + rounding) & (new < old)


def _smallest_step_size(theta: Tensor, direction: Tensor) -> Tensor:
    """Step sizes below which the largest entry moves by less than its rounding."""
    tiny = torch.finfo(theta.dtype).tiny
    scale = theta.abs().amax(1).clamp(min=tiny)
    length = direction.abs().amax(1).clamp(min=tiny)
    return torch.finfo(theta.dtype).eps * scale / length
