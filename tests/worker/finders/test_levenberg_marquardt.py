import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import symmetric, vectors
from tests.support.numerics.objectives import (
    Counts,
    FunctionObjective,
    quadratic,
    quartic,
)
from tests.support.numerics.points import formed, point_at
from worker.finders.base import Point, StopReason
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.loop.search import search
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.observed import ObservedObjective

FINDER = LevenbergMarquardt()


def small_autoencoder() -> LinearAutoencoderObjective:
    samples = autoencoder_samples(input_size=4, samples=200, seed=0)
    return LinearAutoencoderObjective(x=samples.x, hidden_size=2)


def test_a_step_on_a_quadratic_is_the_damped_least_squares_step() -> None:
    matrix = symmetric([4.0, -1.0, 0.3, 0.0])
    objective = quadratic(matrix, matrix @ vectors(1, 4)[0])
    theta = vectors(5, 4, seed=2)
    point = formed(point_at(objective, theta))

    step = FINDER.step(objective, point, FINDER.initial_state(theta))

    mu = 1e-2 * point.gradient.norm(dim=1).clamp(max=1.0)
    normal = matrix @ matrix + mu[:, None, None] * torch.eye(4, dtype=torch.float64)
    rhs = -(point.gradient @ matrix)
    expected = theta + torch.linalg.solve(normal, rhs)
    torch.testing.assert_close(step.theta, expected)
    assert step.accepted.all()
    assert (step.state["mu"] < 1e-2).all()
    assert (step.gradient_evaluations == 2).all()


def test_a_step_is_of_third_order_in_the_distance_from_a_critical_point() -> None:
    def function(theta: Tensor) -> Tensor:
        x, y = theta.unbind(1)
        return x**2 / 2 + x * y**2 + x**3 * y + 5 * y**2

    objective = FunctionObjective(function=function, parameters=2)
    finder = LevenbergMarquardt(regularisation=1e-12)
    distances = 2.0 ** -torch.arange(6, 10, dtype=torch.float64)
    theta = distances[:, None] * torch.tensor([1.0, 0.7], dtype=torch.float64)
    point = formed(point_at(objective, theta))

    step = finder.step(objective, point, finder.initial_state(theta))

    newton = theta - torch.linalg.solve(point.hessian.dense(), point.gradient)
    for at, order in ((newton, 2), (step.theta, 3)):
        errors = at.norm(dim=1)
        orders = (errors[:-1] / errors[1:]).log2()
        assert (orders - order).abs().max() < 0.15


def test_a_refused_step_costs_gradients_but_no_other_hessian() -> None:
    counts = Counts()
    observed = ObservedObjective(inner=quartic(), announce=counts)
    theta = torch.tensor([[1.35, 0.4]], dtype=torch.float64)
    finder = LevenbergMarquardt(regularisation=1e-12)
    point = formed(point_at(observed, theta))
    before = counts.gradients, counts.products

    step = finder.step(observed, point, finder.initial_state(theta))

    assert step.accepted.all()
    assert step.gradient_evaluations.item() == counts.gradients - before[0] > 2
    assert counts.products == before[1]
    assert step.state["mu"].item() > 1e-12
    _, gradient = observed.gradient(step.theta)
    assert gradient.square().sum() < point.squared_gradient_norm


def test_the_gradient_norm_falls_at_every_step() -> None:
    objective = small_autoencoder()

    found = search(objective, FINDER, vectors(6, objective.parameters))

    falls = found.traces["squared_gradient_norm"].diff(dim=1)
    assert not (falls > 0).any()
    assert all(stop is StopReason.CONVERGED for stop in found.stop)


def test_convergence_is_faster_than_linear() -> None:
    objective = small_autoencoder()

    found = search(
        objective,
        FINDER,
        vectors(6, objective.parameters),
        hessian="exact",
        squared_gradient_norm_cutoff=1e-20,
    )

    for row in found.traces["squared_gradient_norm"]:
        logs = row[~row.isnan()].log10()
        assert ((logs < -5) & (logs > -24)).sum() <= 3


def test_critical_and_gradient_flat_points_are_told_apart() -> None:
    axis = torch.linspace(-5, 5, 7, dtype=torch.float64)
    theta = torch.cartesian_prod(axis, torch.tensor([-2.0, 0.5], dtype=torch.float64))

    found = search(quartic(), FINDER, theta, max_iterations=100)

    flat = torch.tensor(
        [stop is StopReason.STATIONARY_GRADIENT_NORM for stop in found.stop]
    )
    critical = torch.tensor([stop is StopReason.CONVERGED for stop in found.stop])
    assert (flat | critical).all()
    assert flat.any()
    assert critical.any()
    at = found.theta[critical]
    torch.testing.assert_close(
        at, at.new_tensor([-3.0, 0.0]).expand_as(at), atol=1e-6, rtol=0
    )
    at = found.theta[flat]
    torch.testing.assert_close(
        at, at.new_tensor([2**0.5, 0.0]).expand_as(at), atol=1e-4, rtol=0
    )
    assert torch.equal(found.ever_gradient_flat | critical, flat | critical)


def test_products_and_formed_hessians_lead_to_the_same_points() -> None:
    objective = small_autoencoder()
    theta = vectors(5, objective.parameters, seed=3)

    formed = search(objective, FINDER, theta, hessian="exact")
    by_products = search(objective, FINDER, theta, hessian="krylov")

    for found in (formed, by_products):
        assert all(stop is StopReason.CONVERGED for stop in found.stop)
    assert by_products.hessian_vector_products.sum() > 5 * by_products.iterations.sum()


@pytest.mark.parametrize("choice", ["exact", "krylov"])
def test_a_run_does_not_depend_on_its_batch(choice: str) -> None:
    objective = small_autoencoder()
    theta = vectors(5, objective.parameters, seed=4)
    point = formed(point_at(objective, theta))
    state = {"mu": torch.logspace(-6, 2, 5, dtype=torch.float64)}
    if choice == "krylov":
        point = Point(
            **{
                name: getattr(point, name)
                for name in Point.__dataclass_fields__
                if name != "hessian"
            },
            hessian=objective.linearise(theta).hessian,
        )

    together = FINDER.step(objective, point, state)

    for run in range(5):
        row = torch.tensor([run])
        alone = FINDER.step(
            objective,
            Point(
                **{
                    name: getattr(point, name)[row]
                    for name in Point.__dataclass_fields__
                    if name != "hessian"
                },
                hessian=point.hessian.take(row),
            ),
            {"mu": state["mu"][row]},
        )
        torch.testing.assert_close(alone.theta[0], together.theta[run])
        torch.testing.assert_close(alone.state["mu"][0], together.state["mu"][run])
        assert alone.gradient_evaluations[0] == together.gradient_evaluations[run]


def test_single_precision_reaches_its_floor() -> None:
    samples = autoencoder_samples(input_size=4, samples=200, seed=0)
    objective = LinearAutoencoderObjective(x=samples.x.float(), hidden_size=2)

    found = search(
        objective,
        FINDER,
        vectors(4, objective.parameters).float(),
        squared_gradient_norm_cutoff=1e-8,
    )

    assert found.theta.dtype is torch.float32
    assert all(stop is StopReason.CONVERGED for stop in found.stop)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e20])
def test_an_impossible_regularisation_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="regularisation"):
        LevenbergMarquardt(regularisation=value)
