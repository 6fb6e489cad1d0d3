"""Step sizes for descent along ``-H g`` from how ``H g`` changed over the last step.

With the merit ``G = |g|^2 / 2``, whose gradient is ``m = H g``, the last step ``s`` and
the change ``y`` of ``m`` along it tell the curvature of ``G`` without more products.
"""

import torch
from torch import Tensor

from worker.finders.base import FinderState, Point

_FADING = 0.99  # of the norm estimate, from one iterate to the next


def unknown_secants(theta: Tensor) -> FinderState:
    """What is remembered before the first step."""
    unknown = theta.new_full((len(theta),), torch.nan)
    return {
        "last_theta": torch.full_like(theta, torch.nan),
        "last_slope": torch.full_like(theta, torch.nan),
        "step_size": unknown,
        "growth": torch.full_like(unknown, torch.inf),
        "norm": torch.zeros_like(unknown),
    }


def hessian_norm(point: Point, state: FinderState, *, smooth: bool) -> Tensor:
    """``|H|_F`` where ``H`` is formed, else an estimate of ``|H|``, ``(runs,)``."""
    # The largest of |H g| / |g| and the roots of the curvatures of G met on the way;
    # across a kink of the loss the latter grow without bound as the steps shrink.
    here = point.hessian_gradient.norm(dim=1) / point.gradient.norm(dim=1)
    met = torch.maximum(_FADING * state["norm"], here)
    if smooth:
        step, change = _secant(point, state)
        along = (change.norm(dim=1) / step.norm(dim=1)).sqrt().nan_to_num(0.0, 0.0)
        met = torch.maximum(met, along)
    return torch.where(point.frobenius_norm.isfinite(), point.frobenius_norm, met)


def cauchy_step_size(point: Point, rows: Tensor) -> Tensor:
    """Minimisers of ``|g - alpha H m|`` for some runs; one product each, ``(k,)``."""
    slope = point.hessian_gradient[rows]
    image = point.hessian.take(rows).matvec(slope)
    return slope.square().sum(1) / image.square().sum(1)


def barzilai_borwein_step_size(point: Point, state: FinderState) -> Tensor:
    """``s^T y / y^T y``, NaN where ``G`` is not convex along the last step."""
    step, change = _secant(point, state)
    size = (step * change).sum(1) / change.square().sum(1)
    return torch.where((size > 0) & size.isfinite(), size, torch.nan)


def adaptive_step_size(point: Point, state: FinderState) -> Tensor:
    """``|s| / (2 |y|)``, but not much more than the last step size, ``(runs,)``."""
    step, change = _secant(point, state)
    safe = step.norm(dim=1) / (2.0 * change.norm(dim=1))
    largest = (1.0 + state["growth"]).sqrt() * state["step_size"]
    return torch.where(safe.isnan(), largest, torch.minimum(safe, largest))


def _secant(point: Point, state: FinderState) -> tuple[Tensor, Tensor]:
    """The last step and the change of ``H g`` over it."""
    return point.theta - state["last_theta"], (
        point.hessian_gradient - state["last_slope"]
    )
