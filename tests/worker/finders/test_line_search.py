import pytest
import torch
from hypothesis import given, settings, strategies
from torch import Tensor

from tests.support.numerics.objectives import Counts, FunctionObjective, quartic
from tests.support.numerics.points import point_at
from worker.finders.base import Point
from worker.finders.line_search import backtrack
from worker.objectives.observed import ObservedObjective


@pytest.fixture
def starts(device: torch.device) -> Tensor:
    points = [[-6.0, 2.0], [0.0, 1.0], [1.3, -0.5], [5.0, 3.0]]
    return torch.tensor(points, dtype=torch.float64, device=device)


def all_of(point: Point) -> Tensor:
    return torch.ones_like(point.value, dtype=torch.bool)


@settings(deadline=None, max_examples=25)
@given(
    x=strategies.floats(-8, 8),
    y=strategies.floats(-8, 8),
    step_size=strategies.floats(1e-3, 1.0),
    rho=strategies.floats(1e-4, 0.9),
)
def test_an_accepted_step_satisfies_the_criterion(
    device: torch.device, x: float, y: float, step_size: float, rho: float
) -> None:
    objective = quartic(device)
    theta = torch.tensor([[x, y]], dtype=torch.float64, device=device)
    point = point_at(objective, theta)
    direction = -point.hessian_gradient

    found = backtrack(
        objective,
        point,
        direction,
        step_size=theta.new_tensor([step_size]),
        factor=0.5,
        sufficient_decrease=rho,
        searching=all_of(point),
    )

    alpha = found.step_size
    slope = (direction * point.hessian_gradient).sum(1)
    _, gradient = objective.gradient(found.theta)
    if found.accepted:
        bound = point.squared_gradient_norm + 2 * rho * alpha * slope
        rounding = 1e-14 * point.squared_gradient_norm
        assert gradient.square().sum(1) <= bound + rounding
        assert gradient.square().sum(1) < point.squared_gradient_norm
        assert torch.equal(found.theta, point.theta + alpha[:, None] * direction)
    else:
        assert torch.equal(found.theta, point.theta)


def test_the_first_acceptable_step_size_of_the_sequence_is_taken(
    starts: Tensor,
) -> None:
    objective = quartic(starts.device)
    point = point_at(objective, starts)
    direction = -point.hessian_gradient
    slope = (direction * point.hessian_gradient).sum(1)

    found = backtrack(
        objective,
        point,
        direction,
        step_size=starts.new_ones(4),
        factor=0.5,
        sufficient_decrease=1e-4,
        searching=all_of(point),
    )

    for run in range(4):
        alpha, trials = 1.0, 0
        while True:
            trials += 1
            trial = point.theta[run] + alpha * direction[run]
            _, gradient = objective.gradient(trial[None])
            bound = point.squared_gradient_norm[run] + 2e-4 * alpha * slope[run]
            if gradient.square().sum() <= bound:
                break
            alpha /= 2
        assert found.step_size[run] == alpha
        assert found.gradient_evaluations[run] == trials


def test_only_runs_that_still_search_are_evaluated(starts: Tensor) -> None:
    counts = Counts()
    observed = ObservedObjective(inner=quartic(starts.device), announce=counts)
    point = point_at(quartic(starts.device), starts)

    found = backtrack(
        observed,
        point,
        -point.hessian_gradient,
        step_size=starts.new_tensor([1.0, 1e-3, 1.0, 1e-6]),
        factor=0.5,
        sufficient_decrease=1e-4,
        searching=torch.tensor([True, True, False, True], device=starts.device),
    )

    assert counts.gradients == int(found.gradient_evaluations.sum())
    assert counts.rows[0] == 3
    assert counts.rows == sorted(counts.rows, reverse=True)
    assert found.gradient_evaluations[2] == 0


@pytest.mark.parametrize("direction", [1.0, 0.0, torch.nan, torch.inf])
def test_a_direction_that_is_not_of_descent_costs_nothing(
    starts: Tensor, direction: float
) -> None:
    counts = Counts()
    observed = ObservedObjective(inner=quartic(starts.device), announce=counts)
    point = point_at(quartic(starts.device), starts)

    found = backtrack(
        observed,
        point,
        direction * point.hessian_gradient,
        step_size=starts.new_ones(4),
        factor=0.5,
        sufficient_decrease=1e-4,
        searching=all_of(point),
    )

    assert not found.accepted.any()
    assert counts.gradients == 0


def test_a_step_that_rounding_swallows_is_given_up(device: torch.device) -> None:
    slope = FunctionObjective(
        function=lambda theta: 3 * theta[:, 0], parameters=1, device=device
    )
    theta = torch.tensor([[1.0]], dtype=torch.float64, device=device)
    at = slope.linearise(theta)
    point = Point(
        theta=theta,
        value=at.value,
        gradient=at.gradient,
        squared_gradient_norm=at.gradient.square().sum(1),
        hessian=at.hessian,
        hessian_gradient=torch.ones_like(theta),  # a slope that never comes true
        frobenius_norm=torch.ones_like(at.value),
    )

    found = backtrack(
        slope,
        point,
        -torch.ones_like(theta),
        step_size=theta.new_tensor([0.5]),
        factor=0.5,
        sufficient_decrease=0.1,
        searching=all_of(point),
    )

    assert not found.accepted
    assert found.gradient_evaluations < 60


def test_non_finite_trials_are_refused(device: torch.device) -> None:
    objective = FunctionObjective(
        function=lambda theta: theta[:, 0] ** 2 - theta[:, 0].log(),
        parameters=1,
        device=device,
    )
    theta = torch.tensor([[0.1]], dtype=torch.float64, device=device)
    point = point_at(objective, theta)

    found = backtrack(
        objective,
        point,
        -10.0 * point.hessian_gradient.sign(),
        step_size=theta.new_tensor([1.0]),
        factor=0.5,
        sufficient_decrease=1e-4,
        searching=all_of(point),
    )

    assert found.theta.isfinite().all()


def test_trials_are_limited(starts: Tensor) -> None:
    counts = Counts()
    observed = ObservedObjective(inner=quartic(starts.device), announce=counts)
    point = point_at(quartic(starts.device), starts)

    found = backtrack(
        observed,
        point,
        -1e3 * point.hessian_gradient,
        step_size=starts.new_ones(4),
        factor=0.5,
        sufficient_decrease=1e-4,
        searching=all_of(point),
        max_trials=1,
    )

    assert not found.accepted.any()
    assert (found.step_size == 1.0).all()
    assert counts.rows == [4]
