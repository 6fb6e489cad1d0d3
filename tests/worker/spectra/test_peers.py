"""Spectra of networks by other libraries, with their own Hessian products."""

from functools import cache

import pytest
import torch

from benchmarks.settings import Settings
from benchmarks.spectra.eigenthings import Eigenthings
from benchmarks.spectra.found import area_between
from benchmarks.spectra.ours import Gradflat
from benchmarks.spectra.problems import Problem, problems
from benchmarks.spectra.scipy_arpack import Arpack, Curvlinops

pytestmark = pytest.mark.oracle
PEERS = {
    "scipy": lambda: Arpack(same_products=False),
    "curvlinops": Curvlinops,
    "hessian-eigenthings": Eigenthings,
}
EFFORT = {"scipy": 1e-12, "curvlinops": 1e-12, "hessian-eigenthings": 200}


@cache
def networks() -> list[Problem]:
    return problems(Settings(scale="tiny"))


@pytest.mark.parametrize("number", range(3), ids=["MLP", "convolutions", "attention"])
@pytest.mark.parametrize("name", PEERS)
def test_the_ends_are_those_of_others(name: str, number: int) -> None:
    problem, library, own = networks()[number], PEERS[name](), Gradflat()
    theta = problem.theta[0]

    product = own.product(problem.network, theta)
    found = own.ends(product, theta, top=3, effort=0.0)

    product = library.product(problem.network, theta)
    expected = library.ends(product, theta, top=3, effort=EFFORT[name])
    scale = problem.eigenvalues.abs().max().item()
    assert torch.allclose(found.values, expected.values, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("name", ["curvlinops", "hessian-eigenthings"])
def test_the_density_is_that_of_others(name: str) -> None:
    problem, library, own = networks()[0], PEERS[name](), Gradflat()
    theta = problem.theta[0]
    broadening = problem.eigenvalues.std().item()
    ends = problem.eigenvalues[0] - 5 * broadening, problem.eigenvalues[-1]
    grid = torch.linspace(
        float(ends[0]), float(ends[1]) + 5 * broadening, 400, dtype=torch.float64
    )

    rules = [
        each.rule(
            each.product(problem.network, theta), theta, probes=20, steps=20, seed=1
        )
        for each in (own, library)
    ]

    ours, theirs = (
        rule.density(grid, broadening) for rule in rules if rule is not None
    )
    for density in (ours, theirs):
        mass = area_between(density, torch.zeros_like(grid), grid)
        assert mass == pytest.approx(1.0, abs=1e-3)
    assert area_between(ours, theirs, grid) < 0.1
