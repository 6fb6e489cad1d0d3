import pytest
import torch

from tests.support.numerics.matrices import symmetric, vectors
from worker.linalg.lanczos import lanczos
from worker.linalg.operators import DenseOperator
from worker.linalg.ritz import gauss_quadrature, ritz_pairs

SIZE = 30
SPECTRA = torch.stack(
    [
        torch.linspace(-3, 5, SIZE),
        torch.logspace(1, -5, SIZE),
        torch.tensor([2.0, -1.0, 0.0]).repeat_interleave(10),
    ]
).double()


@pytest.fixture
def matrices(device: torch.device) -> torch.Tensor:
    return torch.stack(
        [symmetric(values, k, device) for k, values in enumerate(SPECTRA)]
    )


def test_the_bounds_are_the_residual_norms_of_the_vectors(
    matrices: torch.Tensor,
) -> None:
    found = lanczos(
        DenseOperator(matrices=matrices),
        vectors(3, SIZE, device=matrices.device),
        steps=8,
    )
    pairs = ritz_pairs(found)
    V = pairs.vectors(found.basis)

    residual = V @ matrices - pairs.values[:, :, None] * V

    exists = V.norm(dim=2) > 0.5
    assert torch.allclose(
        residual.norm(dim=2)[exists], pairs.bounds[exists], atol=1e-12
    )
    assert torch.allclose(
        V[:2] @ V[:2].mT, torch.eye(8).to(matrices).expand(2, 8, 8), atol=1e-12
    )


def test_each_value_lies_within_its_bound_of_an_eigenvalue(
    matrices: torch.Tensor,
) -> None:
    pairs = ritz_pairs(
        lanczos(
            DenseOperator(matrices=matrices),
            vectors(3, SIZE, device=matrices.device),
            steps=12,
        )
    )

    spectra = SPECTRA[:2, None].to(matrices)
    distance = (pairs.values[:2, :, None] - spectra).abs().amin(dim=2)

    assert (distance <= pairs.bounds[:2] + 1e-12).all()


@pytest.mark.parametrize("steps", [1, 5, 12])
def test_the_quadrature_is_exact_for_polynomials_of_degree_below_twice_the_steps(
    matrices: torch.Tensor, steps: int
) -> None:
    start = vectors(3, SIZE, device=matrices.device)
    nodes, weights = gauss_quadrature(
        lanczos(DenseOperator(matrices=matrices), start, steps=steps)
    )
    unit = start / start.norm(dim=1, keepdim=True)
    scale = SPECTRA.abs().amax(dim=1).to(matrices)

    assert torch.allclose(weights.sum(dim=1), torch.ones_like(scale))
    power = unit
    for degree in range(2 * steps):
        exact = (unit * power).sum(dim=1)
        rule = (weights * (nodes / scale[:, None]) ** degree).sum(dim=1)
        assert torch.allclose(rule, exact, atol=1e-12)
        power = torch.einsum("rij,rj->ri", matrices, power) / scale[:, None]


def test_nodes_past_the_end_of_the_krylov_space_have_no_weight(
    matrices: torch.Tensor,
) -> None:
    nodes, weights = gauss_quadrature(
        lanczos(
            DenseOperator(matrices=matrices[2:]),
            vectors(1, SIZE, device=matrices.device),
            steps=10,
        )
    )

    used = weights[0] > 1e-12
    assert torch.allclose(
        nodes[0][used], matrices.new_tensor([-1.0, 0.0, 2.0]), atol=1e-12
    )
    assert nodes.min() > -1 - 1e-9
    assert nodes.max() < 2 + 1e-9


def test_a_run_that_is_not_finite_is_nan_alone(matrices: torch.Tensor) -> None:
    matrices[1, 4, 4] = torch.inf

    nodes, weights = gauss_quadrature(
        lanczos(
            DenseOperator(matrices=matrices),
            vectors(3, SIZE, device=matrices.device),
            steps=6,
        )
    )

    assert nodes.isnan().any(dim=1).tolist() == [False, True, False]
    assert weights.isnan().any(dim=1).tolist() == [False, True, False]
