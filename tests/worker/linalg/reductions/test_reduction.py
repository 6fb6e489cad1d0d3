import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import symmetric, vectors
from worker.linalg.operators import DenseOperator
from worker.linalg.reductions.krylov_growth import krylov_reduction
from worker.linalg.reductions.krylov_reduction import KrylovReduction
from worker.linalg.reductions.reduction import Reduction, reduce

SPECTRA = {
    "definite": torch.linspace(1, 9, 30),
    "indefinite": torch.linspace(-5, 7, 30),
    "singular": torch.cat([torch.zeros(9), torch.linspace(-2, 5, 21)]),
    "repeated": torch.tensor([3.0, 1.0, -2.0]).repeat_interleave(10),
    "low rank": torch.cat([torch.zeros(25), torch.linspace(-1, 1.5, 5)]),
    "zero": torch.zeros(30),
}


@pytest.fixture
def A(device: torch.device) -> Tensor:
    return torch.stack(
        [symmetric(x.double(), k, device) for k, x in enumerate(SPECTRA.values())]
    )


@pytest.fixture
def gradient(device: torch.device) -> Tensor:
    return vectors(len(SPECTRA), 30, device=device)


@pytest.fixture
def regularisations(gradient: Tensor) -> Tensor:
    return gradient.new_tensor([1e-6, 1e-2, 1.0, 100.0])[:, None].expand(4, 6)


@pytest.fixture
def dampings(gradient: Tensor) -> Tensor:
    """None of them is minus an eigenvalue."""
    return gradient.new_tensor([1e-2, 0.3, 40.0])[:, None].expand(3, 6)


@pytest.fixture(params=["spectral", "krylov"])
def reduction(
    request: pytest.FixtureRequest,
    A: Tensor,
    gradient: Tensor,
    regularisations: Tensor,
    dampings: Tensor,
) -> Reduction:
    operator = DenseOperator(matrices=A)
    if request.param == "spectral":
        return reduce(operator, gradient)
    return krylov_reduction(
        operator,
        gradient,
        regularisations=regularisations,
        dampings=dampings,
        tolerance=1e-15,
    )


def least_squares(matrix: Tensor, g: Tensor, mu: float) -> Tensor:
    """``argmin |g + H p|^2 + mu |p|^2`` as an ordinary least-squares problem."""
    tall = torch.cat([matrix, mu**0.5 * torch.eye(len(matrix)).to(matrix)])
    return torch.linalg.lstsq(tall, torch.cat([-g, torch.zeros_like(g)])[:, None])[0][
        :, 0
    ]


def test_regularised_steps_solve_the_least_squares_problems(
    reduction: Reduction, A: Tensor, gradient: Tensor, regularisations: Tensor
) -> None:
    steps = reduction.regularised(regularisations)

    for k, mu in enumerate(regularisations[:, 0].tolist()):
        for run in range(len(A)):
            expected = least_squares(A[run], gradient[run], mu)
            error = (steps.directions[k, run] - expected).norm()
            assert error <= 1e-8 * expected.norm()


def test_damped_steps_solve_the_shifted_systems(
    reduction: Reduction, A: Tensor, gradient: Tensor, dampings: Tensor
) -> None:
    steps = reduction.damped(dampings)

    identity = torch.eye(30).to(A)
    for k, gamma in enumerate(dampings[:, 0].tolist()):
        expected = torch.linalg.solve(A + gamma * identity, -gradient)
        torch.testing.assert_close(steps.directions[k], expected)


@pytest.mark.parametrize("kind", ["regularised", "damped"])
def test_lengths_and_residuals_are_those_of_the_steps(
    reduction: Reduction, kind: str, A: Tensor, gradient: Tensor, dampings: Tensor
) -> None:
    steps = getattr(reduction, kind)(dampings)

    residual = gradient + torch.einsum("rij,krj->kri", A, steps.directions)
    torch.testing.assert_close(steps.squared_residual, residual.square().sum(2))
    torch.testing.assert_close(steps.squared_length, steps.directions.square().sum(2))


def test_without_damping_the_steps_are_the_shortest_newton_steps(
    reduction: Reduction, A: Tensor, gradient: Tensor
) -> None:
    zero = A.new_zeros(1, len(A))
    expected = torch.einsum("rij,rj->ri", torch.linalg.pinv(A, rtol=1e-12), -gradient)

    torch.testing.assert_close(reduction.regularised(zero).directions[0], expected)
    # A Krylov space of a singular, incompatible system holds no such solution.
    rows = list(range(2 if isinstance(reduction, KrylovReduction) else 6))
    torch.testing.assert_close(
        reduction.damped(zero).directions[0, rows], expected[rows]
    )


def test_rows_can_be_taken(
    reduction: Reduction, regularisations: Tensor, dampings: Tensor
) -> None:
    rows = torch.tensor([4, 1], device=regularisations.device)
    some = reduction.take(rows)

    for kind, damping in (("regularised", regularisations), ("damped", dampings)):
        torch.testing.assert_close(
            getattr(some, kind)(damping[:, rows]).directions,
            getattr(reduction, kind)(damping).directions[:, rows],
        )
    assert torch.equal(some.products, reduction.products[rows])


def test_the_exact_norm_is_that_of_frobenius_and_costs_no_products(
    A: Tensor, gradient: Tensor
) -> None:
    found = reduce(DenseOperator(matrices=A), gradient)

    torch.testing.assert_close(found.norm, torch.linalg.matrix_norm(A))
    assert (found.products == 0).all()


def test_a_matrix_that_is_not_finite_spoils_only_its_own_steps(
    A: Tensor, gradient: Tensor, regularisations: Tensor
) -> None:
    broken = A.clone()
    broken[1, 0, 0] = torch.nan

    for found in (
        reduce(DenseOperator(matrices=broken), gradient),
        krylov_reduction(
            DenseOperator(matrices=broken), gradient, regularisations=regularisations
        ),
    ):
        finite = (
            found.regularised(regularisations)
            .directions.isfinite()
            .all(dim=2)
            .all(dim=0)
        )
        assert finite.tolist() == [True, False, True, True, True, True]


def test_a_run_without_gradient_has_no_step(
    A: Tensor, gradient: Tensor, regularisations: Tensor
) -> None:
    g = gradient.clone()
    g[0] = 0.0

    for found in (
        reduce(DenseOperator(matrices=A), g),
        krylov_reduction(DenseOperator(matrices=A), g, regularisations=regularisations),
    ):
        assert (found.regularised(regularisations).directions[:, 0] == 0).all()


def test_single_precision_is_kept(
    A: Tensor, gradient: Tensor, regularisations: Tensor
) -> None:
    operator = DenseOperator(matrices=A.float())
    for found in (
        reduce(operator, gradient.float()),
        krylov_reduction(
            operator, gradient.float(), regularisations=regularisations.float()
        ),
    ):
        steps = found.regularised(regularisations.float())
        assert steps.directions.dtype is torch.float32
        residual = gradient.float() + torch.einsum(
            "rij,krj->kri", A.float(), steps.directions
        )
        torch.testing.assert_close(
            steps.squared_residual, residual.square().sum(2), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("kind", ["regularised", "damped"])
def test_images_are_those_of_the_steps(
    reduction: Reduction, kind: str, A: Tensor, dampings: Tensor
) -> None:
    steps = getattr(reduction, kind)(dampings)

    torch.testing.assert_close(
        steps.images, torch.einsum("rij,krj->kri", A, steps.directions)
    )


def test_corrections_solve_the_least_squares_problems_of_other_residuals(
    A: Tensor, gradient: Tensor, regularisations: Tensor
) -> None:
    r, mu = vectors(len(A), 30, seed=9, device=A.device), regularisations[1]
    operator = DenseOperator(matrices=A)

    exact = reduce(operator, gradient).correction(r, mu)
    for run in range(len(A)):
        expected = least_squares(A[run], r[run], float(mu[run]))
        torch.testing.assert_close(exact[run], expected)

    krylov = krylov_reduction(
        operator, gradient, regularisations=regularisations, tolerance=0.1
    )
    within = krylov.correction(r, mu)
    for run in range(len(A)):
        basis = krylov.basis[run, : krylov.products[run]].T
        tall = torch.cat([A[run] @ basis, mu[run].sqrt() * basis])
        rhs = torch.cat([-r[run], A.new_zeros(30)])
        expected = basis @ (torch.linalg.pinv(tall) @ rhs)
        torch.testing.assert_close(within[run], expected)
