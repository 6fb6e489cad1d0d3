import pytest
import torch

from tests.support.numerics.finders import FIRST_ORDER
from tests.support.numerics.objectives import (
    Counts,
    FunctionObjective,
    quadratic,
    quartic,
)
from tests.support.numerics.problems import normal
from worker.finders.base import StopReason
from worker.finders.gradient_norm import GradientNorm
from worker.finders.loop.search import search
from worker.objectives.observed import ObservedObjective

MATRIX = torch.diag(torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64))
LINEAR = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)


def test_descent_of_a_fixed_rate_is_what_it_says() -> None:
    objective = quadratic(MATRIX, LINEAR)
    theta = normal(2, 3, seed=1)
    finder = GradientNorm(method="gradient_descent", learning_rate=0.05)

    found = search(objective, finder, theta, max_iterations=5)

    for _ in range(5):
        theta = theta - 0.05 * (theta @ MATRIX - LINEAR) @ MATRIX
    torch.testing.assert_close(found.theta, theta)
    assert (found.traces["step_size"][:, :5] == 0.05).all()


def test_momentum_adds_a_share_of_the_last_step() -> None:
    objective = quadratic(MATRIX, LINEAR)
    theta = normal(2, 3, seed=1)
    finder = GradientNorm(method="momentum", learning_rate=0.05, momentum=0.6)

    found = search(objective, finder, theta, max_iterations=5)

    last = theta
    for _ in range(5):
        slope = (theta @ MATRIX - LINEAR) @ MATRIX
        theta, last = theta - 0.05 * slope + 0.6 * (theta - last), theta
    torch.testing.assert_close(found.theta, theta)


@pytest.mark.parametrize("method", ["gradient_descent", "momentum"])
def test_a_fixed_rate_that_is_too_large_diverges_and_says_so(method: str) -> None:
    assert method in ("gradient_descent", "momentum")
    finder = GradientNorm(method=method, learning_rate=10.0)

    found = search(quadratic(MATRIX, LINEAR), finder, normal(2, 3, seed=1))

    assert set(found.stop) == {StopReason.NON_FINITE}


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_adapted_steps_do_not_depend_on_the_scale(kind: str, scale: float) -> None:
    starts = normal(3, 3, seed=1)
    finder = FIRST_ORDER[kind]

    found = search(
        quadratic(scale * MATRIX, scale * LINEAR), finder, starts, max_iterations=20
    )

    plain = search(quadratic(MATRIX, LINEAR), finder, starts, max_iterations=20)
    torch.testing.assert_close(found.theta, plain.theta, rtol=1e-5, atol=1e-5)


def test_a_given_rate_is_the_first_trial_of_a_line_search() -> None:
    finder = GradientNorm(learning_rate=1e-3)

    found = search(
        quadratic(MATRIX, LINEAR), finder, normal(1, 3, seed=1), max_iterations=3
    )

    sizes = found.traces["step_size"][0, :3]
    assert sizes[0] == 1e-3
    assert (sizes[1:] > 1e-2).all()


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_counts_are_those_of_the_objective(kind: str) -> None:
    counts = Counts()
    observed = ObservedObjective(inner=quartic(), announce=counts)
    starts = torch.tensor([[-4.0, 1.0], [-2.0, 0.3]], dtype=torch.float64)

    found = search(
        observed, FIRST_ORDER[kind], starts, max_iterations=15, hessian="krylov"
    )

    assert int(found.gradient_evaluations.sum()) == counts.gradients
    assert int(found.hessian_vector_products.sum()) == counts.products


def test_plain_methods_cost_one_gradient_and_one_product_a_step() -> None:
    starts = torch.tensor([[-4.0, 1.0]], dtype=torch.float64)

    found = search(
        quartic(),
        GradientNorm(method="gradient_descent", learning_rate=1e-4),
        starts,
        max_iterations=10,
        hessian="krylov",
    )

    assert found.gradient_evaluations.tolist() == [11]
    assert found.hessian_vector_products.tolist() == [10]


@pytest.mark.parametrize("kind", FIRST_ORDER)
def test_shrinking_steps_across_a_kink_are_not_taken_for_flatness(kind: str) -> None:
    # The Hessian is one wherever there is one: no gradient is in its kernel.
    objective = FunctionObjective(
        function=lambda theta: (theta.abs() + theta**2 / 2).sum(1),
        parameters=1,
        smooth=False,
    )
    starts = torch.tensor([[0.3], [-2.0]], dtype=torch.float64)

    found = search(objective, FIRST_ORDER[kind], starts, hessian="krylov")

    assert StopReason.STATIONARY_GRADIENT_NORM not in found.stop
    assert not (found.traces["relative_residual"] > 0).any()


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"momentum": 1.0}])
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        GradientNorm(**options)  # pyright: ignore[reportArgumentType]
