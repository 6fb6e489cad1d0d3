import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import symmetric, vectors
from worker.finders.flatness import Flatness
from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.operators import DenseOperator
from worker.linalg.reductions.krylov_growth import krylov_reduction
from worker.linalg.reductions.reduction import reduce

SPECTRA = {
    "regular": torch.linspace(-5, 7, 30),
    "singular": torch.cat([torch.zeros(9), torch.linspace(-2, 5, 21)]),
    "low rank": torch.cat([torch.zeros(25), torch.linspace(-1, 1.5, 5)]),
    "graded": torch.logspace(0, -9, 30),
}


@pytest.fixture
def A(device: torch.device) -> Tensor:
    return torch.stack(
        [symmetric(x.double(), k, device) for k, x in enumerate(SPECTRA.values())]
    )


def gradients(A: Tensor, *, within_kernel: float) -> Tensor:
    """Gradients of which the given share lies in the eigenvectors of least weight."""
    _, Q = torch.linalg.eigh(A @ A)
    weights = A.new_full((len(A), 30), 1.0 - within_kernel)
    weights[:, 0] = 10.0 * within_kernel
    return torch.einsum("rij,rj->ri", Q, weights * vectors(len(A), 30, device=A.device))


def residuals_of_the_solve(A: Tensor, gradient: Tensor) -> Tensor:
    operator = DenseOperator(matrices=A)
    solution = minres_qlp(operator, -gradient, rtol=5e-4, max_iterations=120)
    norm = torch.linalg.matrix_norm(A)
    return solution.residual_norm / (
        norm * solution.x.norm(dim=1) + gradient.norm(dim=1)
    )


def test_is_the_residual_of_the_classifiers_solve(A: Tensor) -> None:
    for share in (0.0, 0.5, 1.0):
        gradient = gradients(A, within_kernel=share)

        found = Flatness.of(reduce(DenseOperator(matrices=A), gradient), gradient)

        expected = residuals_of_the_solve(A, gradient)
        torch.testing.assert_close(
            found.relative_residual, expected, rtol=1e-6, atol=1e-9
        )


def test_tells_flat_gradients_by_a_small_krylov_space(A: Tensor) -> None:
    gradient = gradients(A, within_kernel=1.0)[1:3]
    operator = DenseOperator(matrices=A[1:3])
    mu = A.new_full((1, 2), 1e-4)

    found = Flatness.of(
        krylov_reduction(operator, gradient, regularisations=mu), gradient
    )

    assert (found.relative_residual > 0.99).all()


def test_does_not_guess_where_the_krylov_space_ends_too_early(A: Tensor) -> None:
    gradient = gradients(A, within_kernel=0.0)[:1]
    operator = DenseOperator(matrices=A[:1])
    mu = A.new_full((1, 1), 100.0)

    found = Flatness.of(
        krylov_reduction(operator, gradient, regularisations=mu), gradient
    )

    assert found.relative_residual.isnan().all()
