"""How far Krylov spaces grow, and what they leave on the table."""

import pytest
import torch
from torch import Tensor

from tests.support.numerics.matrices import symmetric, vectors
from tests.support.numerics.objectives import Counts
from worker.linalg.operators import DenseOperator
from worker.linalg.reductions.krylov_growth import KERNEL_TOLERANCE, krylov_reduction
from worker.linalg.reductions.reduction import reduce
from worker.objectives.observed import ObservedOperator

SPECTRA = {
    "definite": torch.linspace(1, 9, 60),
    "indefinite": torch.linspace(-5, 7, 60),
    "decaying": torch.logspace(1, -7, 60),
    "low rank": torch.cat([torch.zeros(55), torch.linspace(-1, 1.5, 5)]),
    "outliers": torch.cat([torch.linspace(-0.01, 0.01, 57), torch.tensor([5, 9, -7])]),
}


@pytest.fixture
def A(device: torch.device) -> Tensor:
    return torch.stack(
        [symmetric(x.double(), k, device) for k, x in enumerate(SPECTRA.values())]
    )


@pytest.fixture
def gradient(device: torch.device) -> Tensor:
    return vectors(len(SPECTRA), 60, device=device)


def full(gradient: Tensor, value: float) -> Tensor:
    """The same damping for every run, ``(1, runs)``."""
    return gradient.new_full((1, len(gradient)), value)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-6])
@pytest.mark.parametrize("mu", [1e-8, 1e-4, 1e-2, 1.0, 100.0])
def test_no_more_than_the_tolerance_is_missing(
    A: Tensor, gradient: Tensor, mu: float, tolerance: float
) -> None:
    operator = DenseOperator(matrices=A)
    best = reduce(operator, gradient).regularised(full(gradient, mu))
    found = krylov_reduction(
        operator, gradient, regularisations=full(gradient, mu), tolerance=tolerance
    ).regularised(full(gradient, mu))

    square = gradient.square().sum(1)
    reduction = square - best.squared_residual - mu * best.squared_length
    reached = square - found.squared_residual - mu * found.squared_length
    assert (reached >= (1 - tolerance) * reduction - 1e-12 * square).all()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_a_well_damped_system_is_solved_to_the_tolerance(
    A: Tensor, gradient: Tensor, tolerance: float
) -> None:
    gamma = full(gradient, 20.0)
    found = krylov_reduction(
        DenseOperator(matrices=A), gradient, dampings=gamma, tolerance=tolerance
    ).damped(gamma)

    p = found.directions[0]
    residual = torch.einsum("rij,rj->ri", A, p) + 20.0 * p + gradient
    assert (residual.norm(dim=1) <= tolerance * gradient.norm(dim=1) + 1e-9).all()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_the_best_of_many_dampings_leaves_nothing_but_what_is_in_the_kernel(
    A: Tensor, gradient: Tensor, tolerance: float
) -> None:
    gamma = torch.cat([full(gradient, x) for x in (0.0, 1e-4, -1e-4, 1.0, -1.0)])
    reduction = krylov_reduction(
        DenseOperator(matrices=A), gradient, dampings=gamma, tolerance=tolerance
    )

    left = reduction.damped(gamma).squared_residual.amin(0)
    good = left <= tolerance * gradient.square().sum(1)
    # The least residual, from products with the matrices themselves.
    images = torch.einsum("rij,rkj->rik", A, reduction.basis[:, :-1])
    y = torch.linalg.pinv(images, rtol=1e-13) @ gradient[:, :, None]
    residual = gradient - (images @ y)[:, :, 0]
    image = torch.einsum("rij,rj->ri", A, residual).norm(dim=1)
    norm = torch.linalg.matrix_norm(A, 2)
    flat = image <= KERNEL_TOLERANCE * norm * residual.norm(dim=1) + 1e-9 * norm
    ended = dict(zip(SPECTRA, good.tolist(), strict=True))
    assert (good | flat).all()
    assert ended["definite"]
    assert ended["indefinite"]


def test_a_small_tail_of_the_spectrum_costs_few_products(
    A: Tensor, gradient: Tensor
) -> None:
    gamma = torch.cat([full(gradient, x) for x in (0.0, 1e-6, -1e-6, 10.0, -10.0)])
    found = krylov_reduction(DenseOperator(matrices=A), gradient, dampings=gamma)
    products = dict(zip(SPECTRA, found.products.tolist(), strict=True))

    assert products["definite"] <= 12
    assert products["decaying"] <= 40


def test_spaces_grow_no_further_than_needed(A: Tensor, gradient: Tensor) -> None:
    found = krylov_reduction(
        DenseOperator(matrices=A),
        gradient,
        regularisations=full(gradient, 1e-2),
        tolerance=1e-2,
    )
    products = dict(zip(SPECTRA, found.products.tolist(), strict=True))

    assert products["low rank"] == 6  # the kernel is one more dimension
    assert products["outliers"] <= 10
    assert products["decaying"] <= 25
    assert products["indefinite"] > products["definite"]


def test_only_growing_runs_cost_products(A: Tensor, gradient: Tensor) -> None:
    counts = Counts()
    operator = ObservedOperator(inner=DenseOperator(matrices=A), announce=counts)

    found = krylov_reduction(operator, gradient, regularisations=full(gradient, 1e-4))

    spare = 2 * int(found.products.min())  # of runs that ended before the next look
    assert found.products.sum() <= counts.products <= found.products.sum() + spare


def test_a_bound_on_the_dimension_holds(A: Tensor, gradient: Tensor) -> None:
    found = krylov_reduction(
        DenseOperator(matrices=A),
        gradient,
        regularisations=full(gradient, 1e-12),
        max_dimension=7,
    )

    assert found.basis.shape == (len(A), 8, 60)
    assert found.products.max() == 7


def test_runs_do_not_see_each_other(A: Tensor, gradient: Tensor) -> None:
    together = krylov_reduction(
        DenseOperator(matrices=A), gradient, regularisations=full(gradient, 1e-3)
    )
    steps = together.regularised(full(gradient, 1e-3))

    for run in range(len(A)):
        part = slice(run, run + 1)
        alone = krylov_reduction(
            DenseOperator(matrices=A[part]),
            gradient[part],
            regularisations=full(gradient, 1e-3)[:, part],
        )
        assert alone.products[0] == together.products[run]
        torch.testing.assert_close(
            alone.regularised(full(gradient, 1e-3)[:, part]).directions[:, 0],
            steps.directions[:, run],
        )
