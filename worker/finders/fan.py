"""A search over a fan of directions: all of them are shortened together."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.objectives.base import Objective


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FanSearch:
    """Outcome of a search over directions.

    Attributes:
        theta: Accepted trial points, the old points elsewhere, ``(runs, parameters)``.
        accepted: ``(runs,)`` bool.
        step_size: Of the accepted step, else NaN, ``(runs,)``.
        gradient_evaluations: Trials made, ``(runs,)``.
    """

    theta: Tensor
    accepted: Tensor
    step_size: Tensor
    gradient_evaluations: Tensor


def best_of_fan(
    objective: Objective,
    point: Point,
    directions: Tensor,
    *,
    factor: float,
    sufficient_decrease: float,
    max_rounds: int,
) -> FanSearch:
    """Takes the trial with the smallest gradient, once it is small enough.

    In each round every direction of every run that still searches is tried, all in one
    evaluation, with a step size ``alpha`` that begins at 1. The best trial of a run is
    accepted where ``|g(theta + alpha p)|^2 <= (1 - sufficient_decrease alpha) |g|^2``;
    else the run's next ``alpha`` is shorter. The bound asks all directions for a share
    of what a Newton step promises, which is ``(1 - alpha)^2 |g|^2``.

    Args:
        objective: What is searched.
        point: Where the steps begin.
        directions: ``(k, runs, parameters)``.
        factor: What a refused step size is multiplied by.
        sufficient_decrease: See above.
        max_rounds: Step sizes that are tried.

    Returns:
        The accepted points and what they cost.
    """
    theta = point.theta.clone()
    accepted = torch.zeros_like(point.value, dtype=torch.bool)
    step_size = torch.full_like(point.value, torch.nan)
    trials = torch.zeros_like(accepted, dtype=torch.int64)
    rows = torch.arange(len(theta), device=theta.device)
    alpha = 1.0
    for _ in range(max_rounds):
        tried = point.theta[rows] + alpha * directions[:, rows]
        _, gradients = objective.gradient(tried.flatten(0, 1))
        trials[rows] += len(directions)
        square = gradients.square().sum(1).view(-1, len(rows))
        least, best = square.nan_to_num(nan=torch.inf).min(0)
        bound = (1.0 - sufficient_decrease * alpha) * point.squared_gradient_norm[rows]
        passed = (least <= bound).nonzero()[:, 0]
        theta[rows[passed]] = tried[best[passed], passed]
        accepted[rows[passed]] = True
        step_size[rows[passed]] = alpha
        rows = rows[least > bound]
        if not len(rows):
            break
        alpha *= factor
    return FanSearch(
        theta=theta, accepted=accepted, step_size=step_size, gradient_evaluations=trials
    )
