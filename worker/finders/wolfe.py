"""A line search for the weak Wolfe conditions on ``G = |g|^2 / 2``.

A step size must decrease ``G`` by a share of what its slope ``p^T H g`` promises, and
leave a slope that is a good deal less steep, so that it is not needlessly short. The
slope at a trial takes a Hessian product there. Too long steps are bisected, too short
ones doubled, which ends for every smooth function that is bounded below.

References:
    Nocedal, Wright, Numerical Optimization, 2nd edition, 2006, eq. (3.6).
    Lewis, Overton, Nonsmooth optimization via quasi-Newton methods, Mathematical
    Programming 141, 2013, algorithm 4.6: the bisection.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.finders.line_search import sufficiently_smaller
from worker.objectives.base import Objective

_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9
_MOST_TRIALS = 60


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WolfeSearch:
    """Outcome of a line search; each trial costs a gradient and a product.

    Attributes:
        theta: Accepted trial points, the old points elsewhere, ``(runs, parameters)``.
        accepted: Whether a trial decreases ``G`` enough, ``(runs,)`` bool. The slope is
            as wanted, too, unless rounding or the number of trials ended the search.
        step_size: Accepted step sizes, else the last one tried, ``(runs,)``.
        trials: ``(runs,)`` integers.
    """

    theta: Tensor
    accepted: Tensor
    step_size: Tensor
    trials: Tensor


def bisect(
    objective: Objective, point: Point, direction: Tensor, *, step_size: Tensor
) -> WolfeSearch:
    """Looks for a step size that satisfies the Wolfe conditions.

    Args:
        objective: What is searched.
        point: Where the steps begin.
        direction: ``p``, ``(runs, parameters)``.
        step_size: First trials, ``(runs,)``.

    Returns:
        The accepted points and what they cost.
    """
    slope = (direction * point.hessian_gradient).sum(1)
    theta, alpha = point.theta.clone(), step_size.clone()
    low = torch.zeros_like(alpha)
    high = torch.full_like(alpha, torch.inf)
    trials = torch.zeros_like(alpha, dtype=torch.int64)
    rows = ((slope < 0) & direction.isfinite().all(1)).nonzero()[:, 0]
    for _ in range(_MOST_TRIALS):
        if not len(rows):
            break
        trial = point.theta[rows] + alpha[rows, None] * direction[rows]
        at = objective.linearise(trial)
        image = at.hessian.matvec(at.gradient)
        trials[rows] += 1
        smaller = sufficiently_smaller(
            at.gradient.square().sum(1),
            point.squared_gradient_norm[rows],
            2.0 * _SUFFICIENT_DECREASE * alpha[rows] * slope[rows],
        )
        flatter = (direction[rows] * image).sum(1) >= _CURVATURE * slope[rows]
        theta[rows[smaller]] = trial[smaller]
        low[rows[smaller]] = alpha[rows[smaller]]
        high[rows[~smaller]] = alpha[rows[~smaller]]
        rows = rows[~(smaller & flatter)]
        middle = (low[rows] + high[rows]) / 2
        middle = torch.where(middle.isinf(), 2.0 * alpha[rows], middle)
        moved = direction[rows].abs().amax(1) * (middle - low[rows])
        scale = theta[rows].abs().amax(1)
        fine = moved > torch.finfo(theta.dtype).eps * scale
        rows = rows[fine]
        alpha[rows] = middle[fine]
    accepted = low > 0
    return WolfeSearch(
        theta=theta,
        accepted=accepted,
        step_size=torch.where(accepted, low, alpha),
        trials=trials,
    )
