"""Every finder recognises strictly gradient-flat points, and stops there."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.numerics.finders import FINDERS
from tests.support.numerics.objectives import FunctionObjective, quartic
from tests.support.numerics.problems import normal
from worker.finders.base import StopReason
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.loop.search import search
from worker.finders.loop.state import SearchResult
from worker.networks.architectures import mlp
from worker.objectives.base import Objective
from worker.objectives.network import NetworkObjective


def assert_flat(objective: Objective, found: SearchResult) -> None:
    assert set(found.stop) == {StopReason.STATIONARY_GRADIENT_NORM}
    at = objective.linearise(found.theta)
    norm = torch.linalg.matrix_norm(at.hessian.dense())
    slope = at.hessian.matvec(at.gradient).norm(dim=1)
    assert (slope <= 2e-5 * norm * at.gradient.norm(dim=1)).all()


def points(coordinates: list[list[float]], device: torch.device) -> Tensor:
    return torch.tensor(coordinates, dtype=torch.float64, device=device)


def unbounded(theta: Tensor) -> Tensor:
    """``x^3 / 3 + x + y^2``: no critical point, gradient-flat at zero."""
    x, y = theta.unbind(1)
    return x**3 / 3 + x + y**2


def residual_unit(theta: Tensor) -> Tensor:
    """A tanh unit beside its skip connection, and a bias under a squared error."""
    weight, bias = theta.unbind(1)
    return 2 * weight - weight.tanh() + 3 * (bias - 1) ** 2


@pytest.mark.parametrize(
    ("function", "flat"), [(unbounded, [0.0, 0.0]), (residual_unit, [0.0, 1.0])]
)
@pytest.mark.parametrize("kind", FINDERS)
def test_where_there_is_nothing_else(
    kind: str,
    function: Callable[[Tensor], Tensor],
    flat: list[float],
    device: torch.device,
) -> None:
    objective = FunctionObjective(function=function, parameters=2, device=device)
    starts = points([[0.8, 1.5], [-0.3, 0.2]], device)

    found = search(objective, FINDERS[kind], starts, max_iterations=600)

    assert_flat(objective, found)
    expected = points([flat, flat], device)
    torch.testing.assert_close(found.theta, expected, rtol=0.0, atol=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in FINDERS if kind != "damped_newton"])
def test_of_the_quartic(kind: str, device: torch.device) -> None:
    """Damped Newton is the one that leaves it, for the critical point."""
    starts = points([[1.42, 0.05], [1.41, -0.02]], device)

    found = search(quartic(device), FINDERS[kind], starts, max_iterations=600)

    assert_flat(quartic(device), found)
    assert (found.theta[:, 0] - math.sqrt(2.0)).abs().max() < 1e-4
    square = found.gradient.square().sum(1)
    torch.testing.assert_close(
        square, torch.full_like(square, 11.1766), rtol=1e-4, atol=0.0
    )


def test_of_a_network(device: torch.device) -> None:
    x, y = normal(8, 2, seed=3, device=device), normal(8, 1, seed=4, device=device)
    objective = NetworkObjective(
        module=mlp([2, 2, 1], "swish"), x=x, y=y, loss="mse", l2=1e-3
    )
    starts = normal(12, objective.parameters, seed=9, scale=2.0, device=device)

    found = search(objective, LevenbergMarquardt(), starts, max_iterations=100)

    reasons = [stop is StopReason.STATIONARY_GRADIENT_NORM for stop in found.stop]
    assert sum(reasons) >= 2
    flat = found.theta[torch.tensor(reasons, device=device)]
    again = search(objective, LevenbergMarquardt(), flat)
    assert_flat(objective, again)
    assert (again.iterations < 10).all()
