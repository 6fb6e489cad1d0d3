import math

import pytest
import torch
from torch import Tensor

from tests.support.numerics.objectives import quadratic, quartic
from worker.finders.base import StopReason
from worker.finders.loop.search import search
from worker.finders.newton_mr import NewtonMr
from worker.linalg.minres.minres_qlp import minres_qlp
from worker.objectives.base import Objective

FLAT = torch.tensor([math.sqrt(2.0), 0.0], dtype=torch.float64)
CRITICAL = torch.tensor([-3.0, 0.0], dtype=torch.float64)


def relative_residual(objective: Objective, theta: Tensor) -> Tensor:
    """The classifier's r."""
    at = objective.linearise(theta)
    solution = minres_qlp(at.hessian, -at.gradient, rtol=5e-4, max_iterations=1000)
    matrices = at.hessian.dense()
    residual = torch.einsum("rij,rj->ri", matrices, solution.x) + at.gradient
    norms = torch.linalg.matrix_norm(matrices)
    scale = norms * solution.x.norm(dim=1) + at.gradient.norm(dim=1)
    return residual.norm(dim=1) / scale


def symmetric(eigenvalues: list[float], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = len(eigenvalues)
    normal = torch.randn(size, size, generator=generator, dtype=torch.float64)
    basis, _ = torch.linalg.qr(normal)
    matrix = basis @ torch.diag(normal.new_tensor(eigenvalues)) @ basis.T
    return (matrix + matrix.T) / 2


def test_starts_left_of_the_barrier_find_the_critical_point() -> None:
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(200, 2, generator=generator, dtype=torch.float64)
    starts = shares * shares.new_tensor([8.0, 6.0]) - shares.new_tensor([9.5, 3.0])

    found = search(quartic(), NewtonMr(), starts)

    assert set(found.stop) == {StopReason.CONVERGED}
    torch.testing.assert_close(
        found.theta, CRITICAL.expand_as(found.theta), rtol=0.0, atol=1e-9
    )
    assert (found.iterations < 30).all()


@pytest.mark.parametrize("across", [0.0, 0.2])
def test_starts_near_the_flat_point_end_in_it(across: float) -> None:
    generator = torch.Generator().manual_seed(1)
    shares = torch.rand(300, 2, generator=generator, dtype=torch.float64) - 0.5
    starts = shares * shares.new_tensor([0.2, across]) + shares.new_tensor([1.4, 0.0])

    found = search(quartic(), NewtonMr(), starts)

    # A Newton step is inversely proportional to the distance from sqrt 2; from a
    # few starts one of the halved step sizes happens to hit the far valley.
    escaped = (found.theta - CRITICAL).norm(dim=1) < 1e-6
    assert escaped.double().mean() < 0.03
    flat = found.theta[~escaped]
    torch.testing.assert_close(flat, FLAT.expand_as(flat), rtol=0.0, atol=5e-3)
    assert (relative_residual(quartic(), flat) > 0.9).all()
    assert found.ever_gradient_flat[~escaped].all()
    assert (found.iterations < 200).all()


@pytest.mark.parametrize(
    "eigenvalues",
    [
        [1.0, 2.0, 3.0, 4.0],
        [-1.0, 2.0, -3.0, 4.0],
        [0.0, 0.0, 1.0, -2.0],
        [5.0, 0.0, 0.0, 0.0],
        [1e-2, -1.0, 10.0, 0.0],
    ],
)
def test_compatible_quadratics_are_solved_by_the_shortest_step(
    eigenvalues: list[float],
) -> None:
    matrix = symmetric(eigenvalues, seed=3)
    target = matrix.new_tensor([1.0, -2.0, 0.5, 3.0])
    start = matrix.new_tensor([[2.0, 1.0, -1.0, 0.3]])

    found = search(quadratic(matrix, matrix @ target), NewtonMr(), start)

    assert found.stop == (StopReason.CONVERGED,)
    moved = found.theta[0] - start[0]
    shortest = torch.linalg.pinv(matrix, rtol=1e-10) @ (matrix @ (target - start[0]))
    torch.testing.assert_close(moved, shortest, rtol=1e-6, atol=1e-6)


def test_an_incompatible_quadratic_ends_flat_at_its_least_gradient() -> None:
    matrix = symmetric([3.0, -1.0, 0.0, 0.0], seed=5)
    linear = matrix.new_tensor([1.0, 1.0, 1.0, 1.0])
    starts = matrix.new_tensor([[2.0, 1.0, -1.0, 0.3], [0.0, 0.0, 0.0, 0.0]])

    found = search(quadratic(matrix, linear), NewtonMr(), starts)

    projector = torch.eye(4, dtype=torch.float64)
    projector -= matrix @ torch.linalg.pinv(matrix, rtol=1e-10)
    least = projector @ -linear
    torch.testing.assert_close(
        found.gradient, least.expand_as(found.gradient), rtol=1e-5, atol=1e-5
    )
    assert set(found.stop) == {StopReason.STATIONARY_GRADIENT_NORM}
    assert (relative_residual(quadratic(matrix, linear), found.theta) > 0.9).all()


def test_safeguards_take_over_where_the_published_method_gives_up() -> None:
    generator = torch.Generator().manual_seed(1)
    shares = torch.rand(50, 2, generator=generator, dtype=torch.float64) - 0.5
    starts = shares * 0.2 + shares.new_tensor([1.4, 0.0])

    published = search(quartic(), NewtonMr(safeguards=False), starts)
    ours = search(quartic(), NewtonMr(), published.theta)

    given_up = [stop is StopReason.NO_ACCEPTABLE_STEP for stop in published.stop]
    assert sum(given_up) > 40
    distances = [(found.theta - FLAT).norm(dim=1) for found in (published, ours)]
    before, after = (distance[torch.tensor(given_up)] for distance in distances)
    assert after.median() < 1e-3 * before.median()


def test_the_full_step_comes_first() -> None:
    matrix = symmetric([1.0, 2.0, 3.0, 4.0], seed=3)
    linear = matrix.new_tensor([1.0, -2.0, 0.5, 3.0])
    start = torch.zeros(1, 4, dtype=torch.float64)

    found = search(quadratic(matrix, linear), NewtonMr(step_size=1e-3), start)

    assert found.traces["step_size"][0, 0] == 1.0


def test_step_sizes_grow_back() -> None:
    start = torch.tensor([[-1.7, 2.5]], dtype=torch.float64)
    finder = NewtonMr(step_size=1e-4, full_step_decrease=1.0)

    found = search(quartic(), finder, start, max_iterations=6)

    sizes = found.traces["step_size"][0, :6]
    expected = torch.tensor([1e-4 * 2.0**k for k in range(6)], dtype=torch.float64)
    torch.testing.assert_close(sizes, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"rtol": 0.0},
        {"backtracking_factor": 1.0},
        {"sufficient_decrease": -1.0},
        {"step_size": 1.5},
        {"full_step_decrease": 0.0},
    ],
)
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        NewtonMr(**options)  # pyright: ignore[reportArgumentType]
