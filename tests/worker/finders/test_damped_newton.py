import pytest
import torch

from tests.support.numerics.objectives import quadratic
from tests.support.numerics.points import formed, point_at
from tests.support.numerics.problems import linear_autoencoder, normal
from worker.finders.base import StopReason
from worker.finders.damped_newton import DampedNewton
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search


def test_the_best_damping_of_either_sign_is_taken() -> None:
    case = linear_autoencoder(4, 2, count=6, success=0.0)
    point = point_at(case.objective, case.starts)
    finder = DampedNewton(dampings=(0.0, 0.3, 2.0))

    step = finder.step(case.objective, formed(point), finder.initial_state(case.starts))

    matrices, alpha = point.hessian.dense(), step.step_size[:, None]
    identity = torch.eye(matrices.shape[1], dtype=torch.float64)
    squares, ends = [], []
    for gamma in (0.0, 0.3, -0.3, 2.0, -2.0):
        p = torch.linalg.solve(matrices + gamma * identity, -point.gradient)
        ends.append(point.theta + alpha * p)
        squares.append(case.objective.gradient(ends[-1])[1].square().sum(1))
    best = torch.stack(squares).argmin(0)
    expected = torch.stack(ends)[best, torch.arange(6)]
    newton = step.step_size == 0.25 ** (step.step_size.log() / -1.3862944).round()
    assert newton.any()
    torch.testing.assert_close(
        step.theta[newton], expected[newton], rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("hessian", ["exact", "krylov"])
def test_a_regular_quadratic_takes_one_step(hessian: HessianChoice) -> None:
    matrix = torch.diag(torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64))
    linear = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)

    found = search(
        quadratic(matrix, linear), DampedNewton(), normal(3, 3, seed=1), hessian=hessian
    )

    assert set(found.stop) == {StopReason.CONVERGED}
    assert (found.traces["squared_gradient_norm"][:, 1] < 1e-20).all()


def test_every_step_keeps_to_its_bound() -> None:
    case = linear_autoencoder(5, 2, count=8, success=0.0)

    found = search(case.objective, DampedNewton(), case.starts, max_iterations=40)

    square, alpha = found.traces["squared_gradient_norm"], found.traces["step_size"]
    power = (alpha[:, :-1].log() / torch.tensor(0.25).double().log()).round()
    newton = alpha[:, :-1] == 0.25**power
    bound = (1 - 0.1 * alpha[:, :-1]) * square[:, :-1]
    assert newton.any()
    assert (square[:, 1:] <= bound)[newton & square[:, 1:].isfinite()].all()


def test_counts_are_those_of_the_work() -> None:
    case = linear_autoencoder(4, 1, count=3, success=0.0)
    finder = DampedNewton(dampings=(0.0, 1.0))
    point = point_at(case.objective, case.starts)

    state = finder.initial_state(case.starts)
    with_matrices = finder.step(case.objective, formed(point), state)
    by_products = finder.step(case.objective, point, state)

    assert (with_matrices.hessian_vector_products == 0).all()
    assert (by_products.hessian_vector_products > 0).all()
    assert (with_matrices.gradient_evaluations >= 3).all()


@pytest.mark.parametrize("dampings", [(), (-1.0, 1.0)])
def test_nonsense_is_refused(dampings: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="dampings"):
        DampedNewton(dampings=dampings)
