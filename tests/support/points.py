"""Points as finders see them."""

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.objectives.base import Objective


def point_at(objective: Objective, theta: Tensor) -> Point:
    """The point at ``theta`` of ``(runs, parameters)``, its Hessians formed."""
    at = objective.linearise(theta)
    return Point(
        theta=theta,
        value=at.value,
        gradient=at.gradient,
        squared_gradient_norm=at.gradient.square().sum(1),
        hessian=at.hessian,
        hessian_gradient=at.hessian.matvec(at.gradient),
        frobenius_norm=torch.linalg.matrix_norm(at.hessian.dense()),
    )
