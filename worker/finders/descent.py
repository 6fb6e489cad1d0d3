"""Descent on the gradient norm along ``-H g``, for runs that have no better step."""

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.finders.line_search import LineSearch, backtrack
from worker.objectives.base import Objective

_FACTOR = 0.5
_GROWTH = 4.0  # of the step size, from one descent to the next
_SUFFICIENT_DECREASE = 0.25  # with less, steps almost to the other side would do


def unknown_step_size(theta: Tensor) -> Tensor:
    """What is remembered before the first descent, ``(runs,)``."""
    return theta.new_full((len(theta),), torch.nan)


def descend(
    objective: Objective,
    point: Point,
    step_size: Tensor,
    *,
    hessian_norm: Tensor,
    searching: Tensor,
) -> tuple[LineSearch, Tensor]:
    """Backtracks along ``-H g`` from a step size somewhat above the last one.

    Args:
        objective: What is searched.
        point: Where the steps begin.
        step_size: Of each run's last descent, NaN where there was none, ``(runs,)``.
        hessian_norm: ``|H|``, whose inverse square is the first step size, ``(runs,)``.
        searching: Which runs descend at all, ``(runs,)`` bool.

    Returns:
        The accepted points, and what to remember.
    """
    first = hessian_norm.square().reciprocal()
    found = backtrack(
        objective,
        point,
        -point.hessian_gradient,
        step_size=torch.where(step_size.isnan(), first, _GROWTH * step_size),
        factor=_FACTOR,
        sufficient_decrease=_SUFFICIENT_DECREASE,
        searching=searching,
    )
    return found, torch.where(found.accepted, found.step_size, step_size)
