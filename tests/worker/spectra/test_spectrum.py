import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from worker.linalg.operators import DenseOperator
from worker.spectra.inertia import estimated_inertia, exact_inertia
from worker.spectra.quadrature import quadrature
from worker.spectra.spectrum import DensityPlan, exact_spectrum, lanczos_spectrum


def matrices(runs: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(size)
    square = torch.randn(runs, size, size, generator=generator, dtype=torch.float64)
    return square + square.mT


def test_lanczos_finds_the_ends_of_dense_spectra() -> None:
    hessians = matrices(2, 120)
    found = lanczos_spectrum(
        DenseOperator(matrices=hessians),
        hessians,
        top=4,
        density=DensityPlan(probes=3, steps=20),
        seed=0,
        starts=[7, 9],
    )
    exact = exact_spectrum(torch.linalg.eigvalsh(hessians), top=4, density=True)
    scale = exact.largest.abs().amax().item()
    assert torch.allclose(found.largest, exact.largest, rtol=0, atol=1e-8 * scale)
    assert torch.allclose(found.smallest, exact.smallest, rtol=0, atol=1e-8 * scale)
    assert found.converged.all()
    assert exact.converged.all()
    assert (found.largest_bounds <= 1e-8 * scale).all()
    assert (found.products > 60).all()
    assert found.density is not None
    assert exact.density is not None
    assert (found.density.probes, found.density.steps) == (3, 20)
    assert torch.allclose(found.density.grid, exact.density.grid, rtol=1e-6)


def test_small_matrices_have_fewer_values_than_asked_for() -> None:
    hessians = matrices(1, 3)
    operator = DenseOperator(matrices=hessians)
    found = lanczos_spectrum(
        operator, hessians, top=10, density=None, seed=0, starts=[0]
    )
    exact = exact_spectrum(torch.linalg.eigvalsh(hessians), top=10, density=False)
    assert found.largest.shape == exact.largest.shape == (1, 3)
    assert torch.allclose(found.largest, exact.largest)
    assert exact.largest[0].tolist() == exact.smallest[0].flip(0).tolist()
    assert exact.density is None


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    threshold=st.floats(1e-6, 1.0),
)
def test_counts_are_those_of_numpy(values: list[float], threshold: float) -> None:
    found = exact_inertia(
        torch.tensor([values], dtype=torch.float64),
        torch.tensor([threshold], dtype=torch.float64),
    )
    truth = np.array(values)
    assert found.negative.item() == (truth < -threshold).sum()
    assert found.positive.item() == (truth > threshold).sum()
    assert found.zero.item() == (np.abs(truth) <= threshold).sum()
    assert found.fraction.item() == pytest.approx(found.negative.item() / len(values))


def test_interval_of_the_index_contains_the_truth() -> None:
    hessian = matrices(1, 100)
    truth = (torch.linalg.eigvalsh(hessian) < -1e-5).double().mean().item()
    within = 0
    for seed in range(12):
        rule = quadrature(
            DenseOperator(matrices=hessian),
            hessian,
            stream="index",
            seed=seed,
            starts=[0],
            probes=8,
            steps=30,
        )
        found = estimated_inertia(rule, torch.tensor([1e-5]).double())
        assert found.standard_error is not None
        error = abs(found.fraction.item() - truth)
        within += error <= 2.4 * found.standard_error.item()  # t, 7 degrees, 95 %
    assert within >= 10
