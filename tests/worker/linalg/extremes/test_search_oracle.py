"""Extreme eigenvalues of networks' Hessians against ARPACK."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from typing_extensions import override

from tests.support.numerics.matrices import symmetric, vectors
from tests.support.numerics.trained_networks import NETWORKS, trained_hessian
from worker.linalg.extremes.search import extreme_eigenvalues
from worker.linalg.operators import DenseOperator

pytestmark = pytest.mark.oracle
FEWER_PRODUCTS = 1.5


class Counted(LinearOperator):
    """A matrix known by its products, which are counted."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__(matrix.dtype, matrix.shape)
        self.matrix = matrix
        self.products = 0

    @override
    def _matvec(self, x: np.ndarray) -> np.ndarray:
        self.products += 1
        return self.matrix @ x


def arpack(
    A: torch.Tensor, start: torch.Tensor, count: int
) -> tuple[torch.Tensor, int]:
    """Both ends, at residuals within 1e-8 of the largest magnitude, and products."""
    matrix = A.numpy()
    limit = 1e-8 * float(np.abs(np.linalg.eigvalsh(matrix)).max())
    for digits in range(2, 9):
        operator = Counted(matrix)
        options: dict[str, Any] = {"v0": start.numpy(), "tol": 10.0**-digits}
        values, found = eigsh(operator, k=2 * count, which="BE", **options)
        residuals = np.linalg.norm(matrix @ found - found * values, axis=0)
        if residuals.max() <= limit:
            return torch.from_numpy(np.sort(values)), operator.products
    raise AssertionError("ARPACK did not converge")


@pytest.mark.parametrize("count", [1, 5, 10])
@pytest.mark.parametrize("steps", [0, 300], ids=["untrained", "trained"])
@pytest.mark.parametrize("name", NETWORKS)
def test_few_more_products_than_arpack_for_the_same_accuracy(
    name: str, steps: int, count: int
) -> None:
    A = trained_hessian(name, steps)
    start = vectors(1, len(A))
    expected, products = arpack(A, start[0], count)

    found = extreme_eigenvalues(
        DenseOperator(matrices=A[None]),
        start,
        count=count,
        tolerance=1e-8,
        max_products=4000,
    )

    assert found.complete.all()
    scale = expected.abs().max().item()
    values = torch.cat([found.smallest[0], found.largest[0].flip(0)])
    assert torch.allclose(values, expected, rtol=0, atol=1e-10 * scale)
    assert found.products.item() <= FEWER_PRODUCTS * products


def test_copies_that_arpack_does_not_look_for() -> None:
    A = symmetric(torch.cat([torch.full((6,), 4.0), torch.linspace(-1, 1, 200)]))

    found = extreme_eigenvalues(
        DenseOperator(matrices=A[None]),
        vectors(1, len(A)),
        count=6,
        tolerance=1e-8,
        max_products=4000,
    )

    assert torch.allclose(found.largest[0], torch.full((6,), 4.0).double())
