"""Points as finders see them."""

from dataclasses import replace

import torch
from torch import Tensor

from worker.finders.base import Point
from worker.linalg.operators import DenseOperator
from worker.objectives.base import Objective


def point_at(objective: Objective, theta: Tensor) -> Point:
    """The point at ``theta`` of ``(runs, parameters)``, with its Hessian's products."""
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


def formed(point: Point) -> Point:
    """The same point, with its Hessian formed."""
    return replace(point, hessian=DenseOperator(matrices=point.hessian.dense()))
