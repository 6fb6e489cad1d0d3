import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from worker.linalg.operators import DenseOperator
from worker.spectra.density import estimated_density, exact_density
from worker.spectra.quadrature import quadrature

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(values=values)
def test_mass_is_one(values: list[float]) -> None:
    density = exact_density(torch.tensor([values], dtype=torch.float64))
    mass = torch.trapezoid(density.values, density.grid, dim=1)
    assert mass.item() == pytest.approx(1.0, abs=1e-6)
    assert (density.values >= 0).all()


def matrices(size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    square = torch.randn(2, size, size, generator=generator, dtype=torch.float64)
    return square + square.mT


def test_estimate_with_full_quadrature_is_unbiased() -> None:
    hessians = matrices(30)
    eigenvalues = torch.linalg.eigvalsh(hessians)
    rule = quadrature(
        DenseOperator(matrices=hessians),
        hessians,
        stream="density",
        seed=0,
        starts=[0, 1],
        probes=64,
        steps=30,
    )
    low, high = eigenvalues[:, 0], eigenvalues[:, -1]
    found = estimated_density(rule, low, high)
    exact = exact_density(eigenvalues)
    assert torch.allclose(found.grid, exact.grid, rtol=1e-6)
    mass = torch.trapezoid(found.values, found.grid, dim=1)
    assert mass.tolist() == pytest.approx([1.0, 1.0], abs=1e-6)
    deviations = (found.values - exact.values).abs()
    within = deviations <= 4 * found.standard_error + 1e-3 * exact.values.amax()
    assert within.double().mean() > 0.99


def test_one_probe_has_no_standard_error() -> None:
    hessians = matrices(10)
    rule = quadrature(
        DenseOperator(matrices=hessians),
        hessians,
        stream="density",
        seed=0,
        starts=[0, 1],
        probes=1,
        steps=5,
    )
    zeros = torch.zeros(2, dtype=torch.float64)
    density = estimated_density(rule, zeros, zeros)
    assert all(math.isnan(error) for error in density.standard_error.flatten())


def test_moments_are_those_of_the_probes() -> None:
    hessians = matrices(12)
    rule = quadrature(
        DenseOperator(matrices=hessians),
        hessians,
        stream="density",
        seed=3,
        starts=[5, 6],
        probes=400,
        steps=4,
    )
    traces = rule.moments(1)
    spread = traces.std(dim=1) / 400**0.5
    truth = hessians.diagonal(dim1=1, dim2=2).sum(dim=1)
    assert ((traces.mean(dim=1) - truth).abs() < 4 * spread).all()
    # The second moment of signs is the exact sum of squares, up to the probes' spread.
    squares = rule.moments(2)
    spread = squares.std(dim=1) / 400**0.5
    assert ((squares.mean(dim=1) - (hessians**2).sum((1, 2))).abs() < 4 * spread).all()
