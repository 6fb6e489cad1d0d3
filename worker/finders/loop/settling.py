"""Newton's method for ``H g = 0``, near strictly gradient-flat points.

Half of ``|g|^2`` has the gradient ``H g`` and the Hessian ``H^2 + D``, where ``D``, the
third derivative of the loss along ``g``, tells how ``H`` changes in that direction.
Steps that neglect it come closer to a gradient-flat point by a constant factor each,
until ``|g|^2`` falls by less than its rounding errors. With it, two or three leave
nothing of ``H g`` but rounding errors.

A step counts if ``|g|^2`` falls as predicted, but for rounding errors. Runs settle on
minima of ``|g|^2`` only, and never on a saddle of it.
"""

from dataclasses import replace

import torch
from torch import Tensor

from worker.finders.base import Point, Step
from worker.linalg.reductions.spectral_reduction import rounding
from worker.linalg.ritz import finite_eigh
from worker.objectives.base import Objective
from worker.objectives.rounding import gradient_error

_SUFFICIENT = 0.25  # least ratio of actual to predicted decrease


def settle(objective: Objective, point: Point, step: Step, near: Tensor) -> Step:
    """Makes one Newton step for ``H g = 0`` from some of the points.

    Hessians are formed for it, those of one run at a time.

    Args:
        objective: What is searched.
        point: All points.
        step: The steps of their finder.
        near: Numbers of the runs that may settle, ``(k,)``; no gradient there is zero.

    Returns:
        The finder's steps, but those made here where they count.
    """
    theta, accepted, step_size = step.theta, step.accepted, step.step_size
    theta, accepted, step_size = theta.clone(), accepted.clone(), step_size.clone()
    for row in near.split(1):
        at = point.take(row)
        direction = _newton_direction(objective, at)
        if direction is not None and _falls(
            objective, at, direction, step.hessian_norm[row]
        ):
            theta[row] = at.theta + direction
            accepted[row], step_size[row] = True, 1.0
    evaluations = step.gradient_evaluations.clone()
    evaluations[near] += 3
    return replace(
        step,
        theta=theta,
        accepted=accepted,
        step_size=step_size,
        gradient_evaluations=evaluations,
    )


def _newton_direction(objective: Objective, point: Point) -> Tensor | None:
    """The shortest Newton step of one run, none where ``|g|^2`` curves downwards."""
    values, vectors = finite_eigh(_merit_hessian(objective, point))
    void = values.abs() <= rounding(values.abs().amax(1, keepdim=True), values.shape[1])
    if not (void | (values > 0)).all():
        return None
    coefficients = torch.bmm(point.hessian_gradient[:, None], vectors)[:, 0]
    step = torch.where(void, 0, -coefficients / values)
    return torch.bmm(step[:, None], vectors.mT)[:, 0]


def _merit_hessian(objective: Objective, point: Point) -> Tensor:
    """``H^2 + D`` of one run, ``D`` by a central difference, ``(1, size, size)``."""
    length = point.squared_gradient_norm.sqrt()
    eps = torch.finfo(point.theta.dtype).eps
    stride = eps ** (1 / 3) * point.theta.norm(dim=1).clamp(min=1)
    shift = (stride / length)[:, None] * point.gradient
    ahead = objective.linearise(point.theta + shift).hessian.dense()
    change = ahead - objective.linearise(point.theta - shift).hessian.dense()
    hessian = point.hessian.dense()
    return change.mul_(length / (2 * stride)).baddbmm_(hessian, hessian)


def _falls(
    objective: Objective, point: Point, direction: Tensor, hessian_norm: Tensor
) -> bool:
    """Whether ``|g|^2`` of one run falls as predicted, but for rounding errors."""
    _, gradient = objective.gradient(point.theta + direction)
    predicted = -torch.linalg.vecdot(direction, point.hessian_gradient)
    fall = point.squared_gradient_norm - gradient.square().sum(1)
    hidden = 2 * gradient_error(hessian_norm, point.theta) * gradient.norm(dim=1)
    return bool((predicted > 0) & (fall + hidden >= _SUFFICIENT * predicted))
