import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tests.support.numerics.recomputation import relative_residual
from worker.classification.labels import Thresholds
from worker.classification.measures import Measures, measure
from worker.linalg.operators import DenseOperator
from worker.objectives.base import Linearisation

THRESHOLDS = Thresholds(
    squared_gradient_norm=1e-10, flatness=0.9, zero_eigenvalue=1e-5, relative=False
)
RELATIVE = Thresholds(
    squared_gradient_norm=1e-10, flatness=0.9, zero_eigenvalue=1e-5, relative=True
)


def at(
    hessians: Tensor, gradients: Tensor, theta: Tensor | None = None
) -> Linearisation:
    runs = len(gradients)
    return Linearisation(
        theta=torch.ones_like(gradients) if theta is None else theta,
        value=torch.arange(runs, dtype=torch.float64),
        gradient=gradients,
        hessian=DenseOperator(matrices=hessians),
    )


def measured(
    hessians: Tensor,
    gradients: Tensor,
    *,
    dense_limit: int = 2000,
    thresholds: Thresholds = THRESHOLDS,
) -> Measures:
    return measure(
        at(hessians, gradients),
        thresholds,
        dense_limit=dense_limit,
        seed=0,
        starts=range(len(gradients)),
    )


def symmetric(eigenvalues: list[float], seed: int) -> tuple[Tensor, Tensor]:
    """A symmetric matrix with these eigenvalues, and its eigenvectors as columns."""
    generator = torch.Generator().manual_seed(seed)
    size = len(eigenvalues)
    square = torch.randn(size, size, generator=generator, dtype=torch.float64)
    vectors = torch.linalg.qr(square)[0]
    matrix = (
        vectors @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ vectors.T
    )
    return (matrix + matrix.T) / 2, vectors


eigenvalue = st.integers(-3, 3).map(float)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    eigenvalues=st.lists(eigenvalue, min_size=2, max_size=12),
    seed=st.integers(0, 2**31),
)
def test_exact_measures_agree_with_their_definitions(
    eigenvalues: list[float], seed: int
) -> None:
    hessian, vectors = symmetric(eigenvalues, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    gradient = torch.randn(len(eigenvalues), generator=generator, dtype=torch.float64)
    found = measured(hessian[None], gradient[None])
    h, g = hessian.numpy(), gradient.numpy()
    frobenius = np.linalg.norm(h)
    values = np.array(eigenvalues)
    assert found.exact
    assert found.squared_gradient_norm.item() == pytest.approx(g @ g)
    assert found.frobenius_norm.item() == pytest.approx(frobenius)
    assert found.trace.item() == pytest.approx(values.sum(), abs=1e-12)
    assert found.inertia.negative.item() == (values < 0).sum()
    assert found.inertia.zero.item() == (values == 0).sum()
    assert found.inertia.positive.item() == (values > 0).sum()
    assert found.gradient_rayleigh_quotient.item() == pytest.approx(
        g @ h @ g / (g @ g), abs=1e-12
    )
    shares = (vectors.numpy().T @ g) ** 2
    assert found.gradient_kernel_fraction.item() == pytest.approx(
        shares[values == 0].sum() / shares.sum()
    )
    if frobenius > 0:
        assert found.relative_gradient_image.item() == pytest.approx(
            np.linalg.norm(h @ g) / frobenius / np.linalg.norm(g)
        )
    assert found.relative_residual.item() == pytest.approx(
        relative_residual(h, g), abs=1e-2
    )
    assert 0.0 <= found.relative_residual.item() <= 1.0


def test_residual_is_one_where_the_gradient_is_in_the_kernel() -> None:
    hessian, vectors = symmetric([0.0, 1.0, -2.0], seed=0)
    gradients = vectors[:, :2].T.contiguous()
    found = measured(hessian.expand(2, 3, 3).contiguous(), gradients)
    assert found.relative_residual.tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert found.gradient_kernel_fraction.tolist() == pytest.approx([1.0, 0.0])
    assert found.relative_gradient_image[0].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("dense_limit", [2000, 0])
def test_zero_gradient_leaves_relative_measures_undefined(dense_limit: int) -> None:
    hessian, _ = symmetric([-1.0, 0.0, 2.0, 3.0], seed=3)
    gradients = torch.stack([torch.zeros(4), torch.ones(4)]).double()
    hessians = hessian.expand(2, 4, 4).contiguous()
    found = measured(hessians, gradients, dense_limit=dense_limit)
    for name in (
        "relative_residual",
        "relative_residual_krylov",
        "relative_cokernel_residual",
        "gradient_rayleigh_quotient",
        "relative_gradient_image",
        "gradient_kernel_fraction",
    ):
        assert math.isnan(getattr(found, name)[0]), name
        assert math.isfinite(getattr(found, name)[1]), name
    assert found.squared_gradient_norm[0] == 0.0
    assert (found.inertia.interval[:, 0] <= 1 / 4).all()
    assert (found.inertia.interval[:, 1] >= 1 / 4).all()


def test_zero_hessian_is_flat() -> None:
    found = measured(torch.zeros(1, 3, 3).double(), torch.ones(1, 3).double())
    assert found.inertia.zero.tolist() == [3]
    assert found.relative_residual.item() == 1.0
    assert found.gradient_kernel_fraction.item() == 1.0
    assert found.relative_gradient_image.item() == 0.0


def test_threshold_may_be_relative() -> None:
    hessian, _ = symmetric([-1e-3, 1e-3, 1e3], seed=5)
    gradient = torch.ones(1, 3).double()
    absolute = measured(hessian[None], gradient)
    relative = measured(hessian[None], gradient, thresholds=RELATIVE)
    assert (absolute.inertia.negative.item(), absolute.inertia.zero.item()) == (1, 0)
    assert (relative.inertia.negative.item(), relative.inertia.zero.item()) == (0, 2)


def test_hessian_that_is_not_finite_leaves_the_others_alone() -> None:
    hessian, _ = symmetric([-1.0, 2.0], seed=1)
    hessians = torch.stack([hessian, torch.full((2, 2), torch.inf).double()])
    found = measured(hessians, torch.ones(2, 2).double())
    assert found.finite.tolist() == [True, False]
    assert math.isfinite(found.relative_residual[0])
    assert math.isnan(found.relative_residual[1])


def test_estimates_agree_with_the_truth() -> None:
    values = torch.cat([torch.linspace(-2, -1, 60), torch.linspace(1, 3, 240)])
    hessian, _ = symmetric(values.tolist(), seed=7)
    gradients = torch.randn(
        1, 300, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    truth = measured(hessian[None], gradients)
    found = measured(hessian[None], gradients, dense_limit=0)
    assert not found.exact
    assert found.inertia.standard_error is not None
    error = found.inertia.standard_error.item()
    assert 0.0 < error < 0.05
    assert abs(found.inertia.fraction.item() - 0.2) < 4 * error
    counts = (found.inertia.negative, found.inertia.zero, found.inertia.positive)
    assert sum(int(count) for count in counts) == 300
    assert found.frobenius_norm.item() == pytest.approx(
        truth.frobenius_norm.item(), rel=0.05
    )
    assert found.relative_residual.item() == pytest.approx(
        truth.relative_residual.item(), abs=1e-2
    )


def test_estimates_do_not_depend_on_the_batch() -> None:
    hessian, _ = symmetric(torch.linspace(-1, 2, 40).tolist(), seed=7)
    hessians = torch.stack([hessian, 2 * hessian])
    gradients = torch.ones(2, 40).double()
    together = measured(hessians, gradients, dense_limit=0)
    alone = measure(
        at(hessians[1:], gradients[1:]), THRESHOLDS, dense_limit=0, seed=0, starts=[1]
    )
    assert together.inertia.fraction[1].item() == pytest.approx(
        alone.inertia.fraction.item()
    )
    assert together.frobenius_norm[1].item() == pytest.approx(
        alone.frobenius_norm.item()
    )


def test_a_gradient_in_the_kernel_to_rounding_is_flat_whatever_its_rounding() -> None:
    """The quotient of two rounding errors decides how long a solver's step is."""
    hessian, vectors = symmetric([0.0, 1e-4, 0.5, -2.0, 7.0], 3)
    rounding = 1e-17 * torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    gradients = 1e-4 * vectors[:, 0] + rounding.double()

    found = measured(hessian.expand(200, 5, 5), gradients)

    assert (found.relative_residual == 1.0).all()
    assert (found.relative_residual_krylov == 1.0).all()
    assert (found.relative_cokernel_residual == found.relative_gradient_image).all()


@pytest.mark.parametrize("dense_limit", [2000, 0])
def test_a_step_as_long_as_the_parameters_is_no_sign_of_flatness(
    dense_limit: int,
) -> None:
    hessian, _ = symmetric([1.0, 2.0, 5.0], seed=2)
    theta = torch.tensor([[1e12, -1e12, 1e12], [1.0, -1.0, 1.0]], dtype=torch.float64)
    gradients = (hessian @ theta[0]).expand(2, 3)

    found = measure(
        at(hessian.expand(2, 3, 3), gradients, theta),
        THRESHOLDS,
        dense_limit=dense_limit,
        seed=0,
        starts=range(2),
    )

    assert found.relative_residual[0] < 0.1
    assert found.relative_residual[1] > 0.9


def test_a_gradient_that_is_only_rounding_errors_is_solved_for() -> None:
    hessian, vectors = symmetric([1e-4, 0.5, -2.0, 7.0], 3)

    found = measured(hessian[None], 1e-16 * vectors.sum(1)[None])

    assert found.relative_residual < 0.9
