"""How far Krylov spaces grow, and what they leave on the table."""

import pytest
import torch
from torch import Tensor

from tests.support.matrices import symmetric, vectors
from tests.support.objectives import Counts
from worker.linalg.krylov_reduction import krylov_reduction
from worker.linalg.operators import DenseOperator
from worker.linalg.reduction import reduce
from worker.objectives.observed import ObservedOperator

SPECTRA = {
    "definite": torch.linspace(1, 9, 60),
    "indefinite": torch.linspace(-5, 7, 60),
    "decaying": torch.logspace(1, -7, 60),
    "low rank": torch.cat([torch.zeros(55), torch.linspace(-1, 1.5, 5)]),
    "outliers": torch.cat([torch.linspace(-0.01, 0.01, 57), torch.tensor([5, 9, -7])]),
}
A = torch.stack([symmetric(x.double(), k) for k, x in enumerate(SPECTRA.values())])
G = vectors(len(A), 60)


def full(value: float) -> Tensor:
    return torch.full((1, len(A)), value, dtype=torch.float64)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-6])
@pytest.mark.parametrize("mu", [1e-8, 1e-4, 1e-2, 1.0, 100.0])
def test_no_more_than_the_tolerance_is_missing(mu: float, tolerance: float) -> None:
    operator = DenseOperator(matrices=A)
    best = reduce(operator, G).regularised(full(mu))
    found = krylov_reduction(
        operator, G, regularisations=full(mu), tolerance=tolerance
    ).regularised(full(mu))

    square = G.square().sum(1)
    reduction = square - best.squared_residual - mu * best.squared_length
    reached = square - found.squared_residual - mu * found.squared_length
    assert (reached >= (1 - tolerance) * reduction - 1e-12 * square).all()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("gamma", [1e-2, 0.5, 20.0])
def test_damped_systems_are_solved_to_the_tolerance(
    gamma: float, tolerance: float
) -> None:
    found = krylov_reduction(
        DenseOperator(matrices=A), G, dampings=full(gamma), tolerance=tolerance
    ).damped(full(gamma))

    p = found.directions[0]
    residual = torch.einsum("rij,rj->ri", A, p) + gamma * p + G
    assert (residual.norm(dim=1) <= tolerance * G.norm(dim=1) + 1e-9).all()


def test_spaces_grow_no_further_than_needed() -> None:
    found = krylov_reduction(
        DenseOperator(matrices=A), G, regularisations=full(1e-2), tolerance=1e-2
    )
    products = dict(zip(SPECTRA, found.products.tolist(), strict=True))

    assert products["low rank"] == 6  # the kernel is one more dimension
    assert products["outliers"] <= 10
    assert products["decaying"] <= 25
    assert products["indefinite"] > products["definite"]


def test_only_growing_runs_cost_products() -> None:
    counts = Counts()
    operator = ObservedOperator(inner=DenseOperator(matrices=A), announce=counts)

    found = krylov_reduction(operator, G, regularisations=full(1e-4))

    spare = 2 * int(found.products.min())  # of runs that ended before the next look
    assert found.products.sum() <= counts.products <= found.products.sum() + spare


def test_a_bound_on_the_dimension_holds() -> None:
    found = krylov_reduction(
        DenseOperator(matrices=A), G, regularisations=full(1e-12), max_dimension=7
    )

    assert found.basis.shape == (len(A), 8, 60)
    assert found.products.max() == 7


def test_runs_do_not_see_each_other() -> None:
    together = krylov_reduction(
        DenseOperator(matrices=A), G, regularisations=full(1e-3)
    )
    steps = together.regularised(full(1e-3))

    for run in range(len(A)):
        part = slice(run, run + 1)
        alone = krylov_reduction(
            DenseOperator(matrices=A[part]),
            G[part],
            regularisations=full(1e-3)[:, part],
        )
        assert alone.products[0] == together.products[run]
        torch.testing.assert_close(
            alone.regularised(full(1e-3)[:, part]).directions[:, 0],
            steps.directions[:, run],
        )
