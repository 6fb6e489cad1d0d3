import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tests.support.numerics.matrices import symmetric
from worker.linalg.operators import DenseOperator
from worker.spectra.density import Density, density
from worker.spectra.plan import DensityPlan
from worker.spectra.quadrature import Quadrature, quadrature
from worker.spectra.spectrum import exact_spectrum

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)
SPIKE = torch.cat(
    [1e-3 * torch.linspace(-1, 1, 160), torch.tensor([2.0, 3.0, 50.0, 50.5])]
).double()


def exact(values: Tensor, *, top: int = 1, broadening: float | None = None) -> Density:
    plan = DensityPlan(probes=1, steps=1, broadening=broadening)
    ascending = values.sort().values[None]
    found = exact_spectrum(ascending, None, top=top, density_plan=plan).density
    assert found is not None
    assert found[0] is not None
    return found[0]


def sampled(matrix: Tensor, *, probes: int, steps: int, seed: int = 0) -> Quadrature:
    return quadrature(
        DenseOperator(matrices=matrix[None]),
        matrix[None],
        stream="density",
        seed=seed,
        starts=[0],
        probes=probes,
        steps=steps,
    )


def mass(found: Density, *, below: float = math.inf) -> float:
    """By the trapezoid rule."""
    inside = found.grid <= below
    return torch.trapezoid(found.values[inside], found.grid[inside]).item()


@settings(max_examples=50, deadline=None)
@given(values=numbers, broadening=st.none() | st.floats(10, 1e5))
def test_mass_is_one(values: list[float], broadening: float | None) -> None:
    found = exact(torch.tensor(values, dtype=torch.float64), broadening=broadening)

    assert mass(found) == pytest.approx(1.0, abs=1e-6)
    assert (found.values >= 0).all()
    assert (found.grid.diff() > 0).all()
    assert (found.standard_error == 0).all()


@pytest.mark.parametrize("broadening", [None, 1e-3, 1.0])
def test_mass_of_an_estimate_is_one(broadening: float | None) -> None:
    rule = sampled(symmetric(SPIKE), probes=4, steps=30)

    found = density(rule, 0, broadening=broadening)

    assert mass(found) == pytest.approx(1.0, abs=1e-6)
    assert (found.values >= 0).all()


def test_a_spike_at_zero_and_outliers_are_told_apart_on_few_points() -> None:
    found = exact(SPIKE, top=5, broadening=1e-4)

    assert len(found.grid) < 200
    assert mass(found, below=1.0) == pytest.approx(160 / 164, abs=1e-6)
    assert mass(found, below=10.0) == pytest.approx(162 / 164, abs=1e-6)
    assert mass(found, below=50.2) == pytest.approx(163 / 164, abs=1e-6)
    assert found.outliers.tolist() == [2.0, 3.0, 50.0, 50.5]


def test_nothing_stands_outside_an_even_spectrum() -> None:
    assert len(exact(torch.linspace(0, 1, 200), top=5).outliers) == 0


def test_the_default_broadening_is_that_of_the_bulk() -> None:
    even = torch.linspace(-1, 1, 2001).double()
    with_outlier = torch.cat([even, torch.tensor([15.0]).double()])

    assert exact(even).broadening == pytest.approx(0.02, rel=0.01)
    assert exact(with_outlier).broadening == pytest.approx(0.02, rel=0.01)
    assert exact(torch.zeros(5).double()).broadening == 1.0


def test_the_distribution_is_that_of_the_eigenvalues_within_its_error() -> None:
    generator = torch.Generator().manual_seed(0)
    square = torch.randn(150, 150, generator=generator, dtype=torch.float64)
    matrix = square + square.T
    eigenvalues = torch.linalg.eigvalsh(matrix)

    found = density(sampled(matrix, probes=32, steps=60), 0, broadening=1.0)
    truth = exact(eigenvalues, broadening=1.0)

    for limit in (-20.0, -10.0, 0.0, 7.0, 15.0):
        share = (eigenvalues < limit).double().mean().item()
        assert mass(found, below=limit) == pytest.approx(share, abs=0.03)
    on_grid = torch.exp(-0.5 * (found.grid[:, None] - eigenvalues) ** 2).mean(dim=1)
    on_grid /= (2 * math.pi) ** 0.5
    deviation = (found.values - on_grid).abs()
    assert (deviation <= 4 * found.standard_error + 1e-3).double().mean() > 0.98
    assert mass(truth) == pytest.approx(1.0, abs=1e-6)


def test_one_probe_has_no_standard_error() -> None:
    found = density(sampled(symmetric(SPIKE), probes=1, steps=5), 0, broadening=None)

    assert found.standard_error.isnan().all()


def test_probes_differ_and_depend_on_seed_and_start_alone() -> None:
    matrix = symmetric(SPIKE)
    one, again = (sampled(matrix, probes=2, steps=9).rules.nodes for _ in range(2))
    other = sampled(matrix, probes=2, steps=9, seed=1).rules.nodes

    assert torch.equal(one, again)
    assert not torch.allclose(one[0, 0], one[0, 1])
    assert not torch.allclose(one, other)
