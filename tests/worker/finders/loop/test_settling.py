"""Newton's method for ``H g = 0``, against the derivatives of ``|g|^2`` by autograd."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.numerics.finders import FINDERS
from tests.support.numerics.objectives import FunctionObjective, quartic
from tests.support.numerics.problems import normal
from worker.finders.base import Point, Step, StopReason
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search
from worker.finders.loop.settling import settle
from worker.networks.architectures import mlp
from worker.objectives.base import Objective
from worker.objectives.network import NetworkObjective

FLAT = (math.sqrt(2.0), 0.0)


def points(objective: Objective, *theta: tuple[float, ...]) -> Point:
    at = objective.linearise(torch.tensor(theta, dtype=torch.float64))
    return Point(
        theta=at.theta,
        value=at.value,
        gradient=at.gradient,
        squared_gradient_norm=at.gradient.square().sum(1),
        hessian=at.hessian,
        hessian_gradient=at.hessian.matvec(at.gradient),
        frobenius_norm=torch.linalg.matrix_norm(at.hessian.dense()),
    )


def no_step(point: Point) -> Step:
    """What a finder says that has no acceptable step."""
    none = torch.zeros(len(point.theta), dtype=torch.int64)
    return Step(
        theta=point.theta,
        accepted=none > 0,
        step_size=torch.full_like(point.value, math.nan),
        relative_residual=torch.full_like(point.value, math.nan),
        relative_residual_krylov=torch.full_like(point.value, math.nan),
        hessian_norm=point.frobenius_norm,
        gradient_evaluations=none,
        hessian_vector_products=none,
        state={},
    )


def merit(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Half the squared gradient norm of a function at one point."""
    slope = torch.func.grad(lambda theta: function(theta[None])[0])
    return lambda theta: slope(theta).square().sum() / 2


def test_makes_the_newton_step_of_the_squared_gradient_norm() -> None:
    objective = quartic()
    point = points(objective, (1.42, 0.05), (1.38, -0.03))

    found = settle(objective, point, no_step(point), torch.tensor([0, 1]))

    half = merit(objective.function)
    for start, end in zip(point.theta, found.theta, strict=True):
        curvature = torch.func.hessian(half)(start)
        newton = torch.linalg.solve(curvature, -torch.func.grad(half)(start))
        torch.testing.assert_close(end - start, newton, rtol=1e-6, atol=1e-9)
    assert found.accepted.all()
    assert found.gradient_evaluations.tolist() == [3, 3]


def test_steps_only_from_the_runs_that_are_near() -> None:
    objective = quartic()
    point = points(objective, (1.42, 0.05), (1.38, -0.03))

    found = settle(objective, point, no_step(point), torch.tensor([1]))

    assert found.accepted.tolist() == [False, True]
    assert torch.equal(found.theta[0], point.theta[0])
    assert found.gradient_evaluations.tolist() == [0, 3]


def test_comes_close_quadratically() -> None:
    objective = quartic()
    point, distances = points(objective, (1.5, 0.1)), list[float]()
    for _ in range(5):
        step = settle(objective, point, no_step(point), torch.tensor([0]))
        point = points(objective, tuple(step.theta[0].tolist()))
        distances.append((point.theta - point.theta.new_tensor(FLAT)).norm().item())

    assert distances[2] < distances[1] ** 1.5
    assert distances[-1] < 1e-12


def test_does_not_settle_where_the_squared_gradient_norm_curves_downwards() -> None:
    """Of ``x - x^3 / 3 + y^2``, ``|g|^2`` is largest in ``x`` at zero."""
    objective = FunctionObjective(
        function=lambda theta: (
            theta[:, 0] - theta[:, 0] ** 3 / 3 + theta[:, 1].square()
        ),
        parameters=2,
    )
    point = points(objective, (1e-3, 1e-4))

    found = settle(objective, point, no_step(point), torch.tensor([0]))

    assert not found.accepted.any()
    assert torch.equal(found.theta, point.theta)


@pytest.mark.parametrize(
    ("kind", "hessian"),
    [
        ("levenberg_marquardt", "exact"),
        ("levenberg_marquardt", "krylov"),
        ("newton_mr", "exact"),
    ],
)
def test_runs_end_with_nothing_but_rounding_errors_left(
    kind: str, hessian: HessianChoice
) -> None:
    starts = torch.tensor([[1.42, 0.05], [1.6, -0.2]], dtype=torch.float64)

    found = search(quartic(), FINDERS[kind], starts, hessian=hessian)

    assert set(found.stop) == {StopReason.STATIONARY_GRADIENT_NORM}
    expected = torch.tensor([FLAT, FLAT], dtype=torch.float64)
    torch.testing.assert_close(found.theta, expected, rtol=0.0, atol=1e-13)
    assert found.ever_gradient_flat.all()


def test_runs_on_a_network_end_with_nothing_but_rounding_errors_left() -> None:
    x, y = normal(8, 2, seed=3), normal(8, 1, seed=4)
    objective = NetworkObjective(
        module=mlp([2, 2, 1], "swish"), x=x, y=y, loss="mse", l2=1e-3
    )
    starts = normal(12, objective.parameters, seed=9, scale=2.0)

    found = search(objective, LevenbergMarquardt(), starts)

    flat = torch.tensor(
        [stop.value == "stationary_gradient_norm" for stop in found.stop]
    )
    assert flat.sum() >= 4
    at = objective.linearise(found.theta[flat])
    norm = torch.linalg.matrix_norm(at.hessian.dense())
    slope = at.hessian.matvec(at.gradient).norm(dim=1)
    assert (slope <= 1e-9 * norm * at.gradient.norm(dim=1)).all()
    assert found.ever_gradient_flat[flat].all()
