"""MINRES-QLP against the pseudo-inverse, on spectra of every kind."""

import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tests.support.numerics.matrices import rotation, symmetric, vectors
from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.minres.solution import SolveStop
from worker.linalg.operators import DenseOperator

# Few distinct values, so that many are repeated; a cluster at 1; zero.
EIGENVALUES = st.sampled_from([0.0, 0.0, 0.3, -0.3, 1.0, 1.001, 1.002, -2.0, 5.0])
COMPONENTS = st.integers(min_value=-3, max_value=3)
SYSTEMS = st.lists(st.tuples(EIGENVALUES, COMPONENTS), min_size=1, max_size=12)
SEEDS = st.integers(min_value=0, max_value=2**31)


def build(system: list[tuple[float, int]], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix, the right-hand side, and the shortest solution in closed form."""
    values, components = torch.tensor(system, dtype=torch.float64).T
    Q = rotation(len(values), seed)
    inverse = torch.where(values == 0, 0.0, 1 / torch.where(values == 0, 1.0, values))
    A = (Q * values) @ Q.T
    return (A + A.T) / 2, Q @ components, Q @ (inverse * components)


Solve = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(scope="module")
def solve(device: torch.device) -> Solve:
    """Solves on the device; the answer is on the CPU."""

    def on_device(A: Tensor, b: Tensor) -> Tensor:
        found = minres_qlp(
            DenseOperator(matrices=A[None].to(device)),
            b[None].to(device),
            rtol=1e-11,
            max_iterations=4 * len(b),
            max_condition=1e14,
        )
        assert found.stop[0] is not SolveStop.ITERATIONS
        return found.x[0].cpu()

    return on_device


@settings(max_examples=60, deadline=None)
@given(system=SYSTEMS, seed=SEEDS)
def test_the_solution_is_the_shortest_of_smallest_residual(
    solve: Solve, system: list[tuple[float, int]], seed: int
) -> None:
    A, b, shortest = build(system, seed)

    x = solve(A, b)

    assert (x - shortest).norm() <= 1e-6 * b.norm()


@settings(max_examples=30, deadline=None)
@given(
    system=SYSTEMS,
    seed=SEEDS,
    factor=st.sampled_from([-1e6, -1.0, -1e-6, 1e-6, 1e6]),
)
def test_scale_and_sign_of_the_matrix_and_the_right_hand_side(
    solve: Solve, system: list[tuple[float, int]], seed: int, factor: float
) -> None:
    A, b, shortest = build(system, seed)

    assert (solve(factor * A, factor * b) - shortest).norm() <= 1e-6 * b.norm()
    assert (solve(-A, b) + shortest).norm() <= 1e-6 * b.norm()


@settings(max_examples=20, deadline=None)
@given(system=SYSTEMS, seed=SEEDS)
def test_the_residual_never_grows_and_is_the_smallest_of_the_krylov_space(
    device: torch.device, system: list[tuple[float, int]], seed: int
) -> None:
    A, b = (each.to(device) for each in build(system, seed)[:2])
    before, krylov = float(b.norm()), []
    for steps in range(1, len(b) + 1):
        found = minres_qlp(
            DenseOperator(matrices=A[None]), b[None], rtol=1e-11, max_iterations=steps
        )
        after = float(found.residual_norm[0])
        assert after <= before * (1 + 1e-10) + 1e-12
        before = after
        krylov.append(b if not krylov else A @ krylov[-1])
        if found.stop[0] is not SolveStop.ITERATIONS:
            break
        if steps <= 3:
            basis = A @ torch.stack(krylov, dim=1)
            smallest = b - basis @ (torch.linalg.pinv(basis, rtol=1e-12) @ b)
            assert after <= float(smallest.norm()) * (1 + 1e-6) + 1e-9


@pytest.mark.oracle
@pytest.mark.parametrize("low", [0.5, -2.0])
def test_it_agrees_with_scipy_where_the_matrix_is_regular(
    solve: Solve, low: float
) -> None:
    from scipy.sparse.linalg import minres  # noqa: PLC0415

    spectrum = torch.linspace(low, 3, 40, dtype=torch.float64)
    A, b = symmetric(spectrum), vectors(1, 40)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected, _ = minres(A.numpy(), b.numpy(), rtol=1e-12)

    assert (solve(A, b) - torch.from_numpy(expected)).norm() < 1e-6 * b.norm()
