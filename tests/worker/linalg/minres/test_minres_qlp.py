import csv
import math
from pathlib import Path
from typing import Protocol

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.support.numerics.devices import on_cpu
from tests.support.numerics.matrices import rotation, symmetric, vectors
from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.minres.solution import Solution, SolveStop
from worker.linalg.operators import DenseOperator

DATA = Path(__file__).parents[3] / "data"
with (DATA / "minres_qlp.csv").open() as lines:
    LOGGED = list(csv.DictReader(lines))

CONVERGED = {
    1: SolveStop.RESIDUAL,
    2: SolveStop.COKERNEL_RESIDUAL,
    6: SolveStop.SOLUTION_NORM,
    7: SolveStop.CONDITION,
}


class Solve(Protocol):
    def __call__(self, matrices: Tensor, rhs: Tensor, **options: float) -> Solution: ...


@pytest.fixture(scope="module")
def solve(device: torch.device) -> Solve:
    """Solves on the device; the answer is on the CPU."""

    def on_device(matrices: Tensor, rhs: Tensor, **options: float) -> Solution:
        operator, there = DenseOperator(matrices=matrices.to(device)), rhs.to(device)
        settings = {"rtol": 1e-12, "max_iterations": 4 * rhs.shape[1]} | options
        found = minres_qlp(operator, there, **settings)  # pyright: ignore[reportArgumentType]
        assert found.x.device.type == device.type
        return on_cpu(found)

    return on_device


@pytest.fixture(scope="module")
def systems() -> dict[str, Tensor]:
    return load_file(DATA / "minres_qlp.safetensors")


@pytest.mark.parametrize("logged", LOGGED, ids=lambda row: f"{row['case']}")
def test_it_solves_as_the_published_code_does(
    logged: dict[str, str], systems: dict[str, Tensor], solve: Solve
) -> None:
    A, b, x = (systems[f"{logged['case']}.{name}"] for name in "Abx")
    rtol, flag = float(logged["rtol"]), int(logged["flag"])

    found = solve(A[None], b[None], rtol=rtol)

    # Where the Lanczos vectors have lost their orthogonality the last digits of x are
    # rounding errors: those cases are the long, singular, ill-conditioned ones.
    delicate = logged["kind"] in {"singular incompatible", "ill-conditioned"} or (
        logged["kind"] == "gradient in kernel" and rtol < 1e-4
    )
    least_squares = found.stop[0] is SolveStop.COKERNEL_RESIDUAL
    if not (flag == 6 and least_squares):
        assert found.stop[0] is CONVERGED[flag]
    counted = int(logged["iterations"]) + (flag in {2, 6, 7})
    assert abs(int(found.iterations[0]) - counted) <= (1 if delicate else 0)
    assert found.norm_estimate[0] == pytest.approx(
        float(logged["norm_estimate"]), rel=2e-3
    )
    distance = (found.x[0] - x).norm() / x.norm()
    assert distance < (5e-2 if delicate else 1e-9)
    residual = found.residual_norm[0] / (A.norm() * found.x[0].norm() + b.norm())
    assert residual == pytest.approx(
        float(logged["relative_residual_frobenius"]),
        rel=4e-2 if delicate else 1e-6,
        abs=2e-12,
    )
    assert found.relative_residual[0] == pytest.approx(
        float(logged["relative_residual"]), rel=4e-2 if delicate else 1e-3, abs=1e-11
    )


@pytest.mark.parametrize("case", ["6", "12", "20", "34"])
def test_a_singular_incompatible_system_gets_the_shortest_solution(
    case: str, systems: dict[str, Tensor], solve: Solve
) -> None:
    A, b = systems[f"{case}.A"], systems[f"{case}.b"]
    shortest = torch.linalg.pinv(A, rtol=1e-10) @ b

    found = solve(A[None], b[None], rtol=5e-4)

    assert torch.allclose(found.x[0], shortest, rtol=1e-8, atol=1e-8)


def test_a_gradient_along_a_nearly_flat_direction_is_left_unsolved(
    solve: Solve,
) -> None:
    Q = rotation(6, seed=2)
    A = (Q * torch.tensor([1e-9, 1.0, -2.0, 3.0, 4.0, 5.0])) @ Q.T
    b = Q[:, 0] * 1e-2

    found = solve((A + A.T)[None] / 2, b[None], rtol=5e-4)

    assert found.stop == [SolveStop.SOLUTION_NORM]
    assert found.x.abs().max() < 1e-9
    assert found.residual_norm[0] == pytest.approx(1e-2)
    assert found.relative_residual[0] == pytest.approx(1.0)


def test_no_solution_is_as_long_as_the_limit(solve: Solve) -> None:
    A = symmetric(torch.logspace(0, -6, 20, dtype=torch.float64))
    lengths = []
    for limit in (1.0, 10.0, 1e2, 1e3):
        found = solve(A[None], vectors(1, 20), max_solution_norm=limit)
        assert found.stop == [SolveStop.SOLUTION_NORM]
        lengths.append(float(found.x.norm()))
        assert lengths[-1] < limit
    assert lengths == sorted(lengths)


def test_it_stops_at_the_condition_number(solve: Solve) -> None:
    A = symmetric(torch.logspace(0, -8, 30, dtype=torch.float64))

    found = solve(A[None], vectors(1, 30), max_condition=1e3, max_solution_norm=1e12)

    assert found.stop == [SolveStop.CONDITION]


def test_it_stops_after_the_iterations_allowed(solve: Solve) -> None:
    A = symmetric(torch.linspace(-1, 3, 30, dtype=torch.float64))

    found = solve(A[None], vectors(1, 30), max_iterations=7)

    assert found.stop == [SolveStop.ITERATIONS]
    assert found.iterations.tolist() == [7]
    assert found.products.tolist() == [9]


def test_a_right_hand_side_of_zero_needs_no_step(solve: Solve) -> None:
    A = symmetric([1.0, 2.0, -3.0])
    rhs = torch.stack([torch.zeros(3, dtype=torch.float64), vectors(1, 3)[0]])

    found = solve(torch.stack([A, A]), rhs)
    alone = solve(A[None], rhs[:1])

    assert found.stop == [SolveStop.ZERO_RHS, SolveStop.RESIDUAL]
    assert alone.stop == [SolveStop.ZERO_RHS]
    for answer in (found, alone):
        assert answer.x[0].tolist() == [0.0, 0.0, 0.0]
        assert answer.relative_residual[0] == 0.0
        assert answer.iterations[0] == 0


def test_a_matrix_of_zeros_is_a_co_kernel_stop_at_zero(solve: Solve) -> None:
    found = solve(torch.zeros(1, 4, 4, dtype=torch.float64), vectors(1, 4))

    assert found.stop == [SolveStop.COKERNEL_RESIDUAL]
    assert found.x.abs().max() == 0.0
    assert found.relative_residual[0] == 1.0
    assert found.relative_cokernel_residual[0] == 0.0


@pytest.mark.parametrize("entry", [2.0, -0.5])
def test_order_one(entry: float, solve: Solve) -> None:
    matrix = torch.tensor([[[entry]]], dtype=torch.float64)

    found = solve(matrix, torch.tensor([[3.0]], dtype=torch.float64))

    assert found.x.item() == pytest.approx(3.0 / entry)
    assert found.stop == [SolveStop.RESIDUAL]


def test_a_right_hand_side_that_is_an_eigenvector_takes_one_step(solve: Solve) -> None:
    Q = rotation(8, seed=5)
    A = (Q * torch.arange(1.0, 9.0, dtype=torch.float64)) @ Q.T

    found = solve(A[None], 3 * Q[:, 4][None])

    assert found.iterations.tolist() == [1]
    assert torch.allclose(found.x[0], 3 / 5 * Q[:, 4])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_run_that_is_not_finite_touches_no_other(broken: float, solve: Solve) -> None:
    A = torch.stack([symmetric(torch.linspace(-1, 3, 12), seed) for seed in range(4)])
    rhs = vectors(4, 12)
    whole = solve(A, rhs)
    A[1, 3, 3] = broken
    rhs[2, 5] = broken

    found = solve(A, rhs)

    assert found.stop[1] is found.stop[2] is SolveStop.NOT_FINITE
    assert found.x[1].abs().max() == found.x[2].abs().max() == 0.0
    for run in (0, 3):
        assert torch.equal(found.x[run], whole.x[run])
        assert found.stop[run] is whole.stop[run]
        assert found.iterations[run] == whole.iterations[run]


def test_an_answer_does_not_depend_on_the_other_runs(solve: Solve) -> None:
    spectra = [
        torch.linspace(1, 2, 24),
        torch.linspace(-1, 3, 24),
        torch.cat([torch.zeros(6), torch.linspace(-1, 1, 18)]),
        torch.ones(24),
        torch.logspace(0, -4, 24),
        torch.zeros(24),
        torch.cat([torch.full((12,), 2.0), torch.full((12,), -1.0)]),
    ]
    A = torch.stack([symmetric(values, seed) for seed, values in enumerate(spectra)])
    rhs = vectors(len(A), 24)
    together = solve(A, rhs, rtol=1e-8)

    order = torch.tensor([3, 6, 0, 5, 2, 4, 1])
    shuffled = solve(A[order], rhs[order], rtol=1e-8)
    alone = [solve(A[k : k + 1], rhs[k : k + 1], rtol=1e-8) for k in range(len(A))]

    for position, run in enumerate(order.tolist()):
        for other, row in ((shuffled, position), (alone[run], 0)):
            assert other.stop[row] is together.stop[run]
            assert other.iterations[row] == together.iterations[run]
            assert other.products[row] == together.products[run]
            assert torch.allclose(other.x[row], together.x[run], rtol=1e-9, atol=1e-12)


def test_the_residuals_are_those_of_the_solution(solve: Solve) -> None:
    A = torch.stack([symmetric(torch.linspace(-1, 3, 10), seed) for seed in range(3)])
    rhs = vectors(3, 10)

    found = solve(A, rhs, rtol=1e-2)

    for run in range(3):
        r = rhs[run] - A[run] @ found.x[run]
        scale = found.norm_estimate[run] * found.x[run].norm() + rhs[run].norm()
        assert torch.allclose(found.residual[run], r)
        assert found.residual_norm[run] == pytest.approx(float(r.norm()))
        assert found.cokernel_residual_norm[run] == pytest.approx(
            float((A[run] @ r).norm())
        )
        assert found.relative_residual[run] == pytest.approx(float(r.norm() / scale))


def test_single_precision_reaches_its_rounding_unit(solve: Solve) -> None:
    A = symmetric(torch.linspace(1, 3, 16)).float()

    found = solve(A[None], vectors(1, 16).float(), rtol=0.0)

    assert found.x.dtype == torch.float32
    assert found.stop == [SolveStop.RESIDUAL]
    assert found.relative_residual[0] < 1e-6
