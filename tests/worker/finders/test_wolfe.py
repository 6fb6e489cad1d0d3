import pytest
import torch
from hypothesis import given, settings, strategies
from torch import Tensor

from tests.support.numerics.objectives import Counts, FunctionObjective, quartic
from tests.support.numerics.points import point_at
from worker.finders.wolfe import bisect
from worker.objectives.observed import ObservedObjective

DECREASE, CURVATURE = 1e-4, 0.9


def numbers(values: list[float] | list[list[float]], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, device=device)


@settings(deadline=None, max_examples=25)
@given(
    x=strategies.floats(-8, 8),
    y=strategies.floats(-8, 8),
    exponent=strategies.floats(-8, 2),
)
def test_an_accepted_step_satisfies_both_conditions(
    device: torch.device, x: float, y: float, exponent: float
) -> None:
    objective = quartic(device)
    point = point_at(objective, numbers([[x, y]], device))
    direction = -point.hessian_gradient
    first = numbers([10.0**exponent], device)

    found = bisect(objective, point, direction, step_size=first)

    if not found.accepted:
        assert torch.equal(found.theta, point.theta)
        assert float(direction.norm()) < 1e-5
        return
    alpha = found.step_size
    assert torch.equal(found.theta, point.theta + alpha[:, None] * direction)
    slope = (direction * point.hessian_gradient).sum(1)
    there = point_at(objective, found.theta)
    old = point.squared_gradient_norm
    bound = old + 2 * DECREASE * alpha * slope
    assert there.squared_gradient_norm <= bound + 1e-14 * old
    slope_there = (direction * there.hessian_gradient).sum(1)
    assert slope_there >= CURVATURE * slope - 1e-9 * slope.abs()


def test_each_trial_costs_a_gradient_and_a_product(device: torch.device) -> None:
    point = point_at(quartic(device), numbers([[-6.0, 2.0], [0.0, 1.0]], device))
    counts = Counts()
    observed = ObservedObjective(inner=quartic(device), announce=counts)

    found = bisect(
        observed,
        point,
        -point.hessian_gradient,
        step_size=numbers([10.0, 1e-9], device),
    )

    assert found.accepted.all()
    assert counts.gradients == counts.products == int(found.trials.sum())


@pytest.mark.parametrize("factor", [1.0, 0.0, torch.nan])
def test_a_direction_that_is_not_of_descent_costs_nothing(
    factor: float, device: torch.device
) -> None:
    point = point_at(quartic(device), numbers([[-6.0, 2.0]], device))

    found = bisect(
        quartic(device),
        point,
        factor * point.hessian_gradient,
        step_size=numbers([1.0], device),
    )

    assert not found.accepted
    assert found.trials == 0


def test_the_search_ends_where_the_slope_never_flattens(device: torch.device) -> None:
    def function(theta: Tensor) -> Tensor:
        return theta[:, 0] ** 2 / 2

    objective = FunctionObjective(function=function, parameters=1, device=device)
    point = point_at(objective, numbers([[1.0]], device))
    steep = numbers([[-1e-200]], device)

    found = bisect(objective, point, steep, step_size=numbers([1.0], device))

    assert found.trials <= 60
