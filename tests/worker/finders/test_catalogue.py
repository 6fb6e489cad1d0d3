"""Every finder on every problem whose critical points are known."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import final

import pytest
import torch
from torch import Tensor

from tests.support.objectives import quadratic, quartic
from worker.finders.base import Finder, StopReason
from worker.finders.newton_mr import NewtonMr
from worker.finders.search import search
from worker.finders.state import SearchResult
from worker.networks.architectures import mlp
from worker.objectives.base import Objective
from worker.objectives.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.network import NetworkObjective
from worker.objectives.polynomial import PolynomialObjective

CUTOFF = 1e-10
FINDERS: dict[str, Finder] = {"newton_mr": NewtonMr()}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An objective, starts, and what holds at its critical points."""

    objective: Objective
    starts: Tensor
    check: Callable[[SearchResult, Tensor], None]
    success: float


def normal(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def near_one_of(points: Tensor) -> Callable[[SearchResult, Tensor], None]:
    def check(found: SearchResult, converged: Tensor) -> None:
        distances = torch.cdist(found.theta[converged], points)
        assert (distances.amin(1) < 1e-4).all()

    return check


def quadratic_of_rank(rank: int) -> Case:
    factor = normal(6, rank, seed=rank)
    signs = torch.tensor([(-1.0) ** k for k in range(rank)], dtype=torch.float64)
    matrix = factor @ torch.diag(signs) @ factor.T
    matrix = (matrix + matrix.T) / 2
    linear = matrix @ normal(6, seed=20)

    def check(found: SearchResult, converged: Tensor) -> None:
        solved = found.theta[converged] @ matrix
        torch.testing.assert_close(
            solved, linear.expand_as(solved), rtol=0.0, atol=1e-5
        )

    starts = normal(5, 6, seed=21)
    return Case(
        objective=quadratic(matrix, linear), starts=starts, check=check, success=1.0
    )


def wells() -> Case:
    """``(x^2 - 1)^2 + 2 (y^2 - 1)^2``: nine critical points."""
    grid = torch.tensor(list(product([-1.0, 0.0, 1.0], repeat=2)), dtype=torch.float64)
    return Case(
        objective=PolynomialObjective(
            coefficients=[1.0, -2.0, 2.0, -4.0, 3.0],
            powers=[[4, 0], [2, 0], [0, 4], [0, 2], [0, 0]],
        ),
        starts=normal(40, 2, seed=1),
        check=near_one_of(grid),
        success=0.5,
    )


def cubic() -> Case:
    """``x^3 - 3 x y^2 - 3 x``: saddles at (1, 0) and (-1, 0)."""
    return Case(
        objective=PolynomialObjective(
            coefficients=[1.0, -3.0, -3.0], powers=[[3, 0], [1, 2], [1, 0]]
        ),
        starts=normal(40, 2, seed=2, scale=2.0),
        check=near_one_of(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)),
        success=0.7,
    )


def quartic_case() -> Case:
    return Case(
        objective=quartic(),
        starts=normal(40, 2, seed=3, scale=2.0)
        - torch.tensor([2.0, 0.0], dtype=torch.float64),
        check=near_one_of(torch.tensor([[-3.0, 0.0]], dtype=torch.float64)),
        success=0.4,
    )


def linear_autoencoder() -> Case:
    samples = autoencoder_samples(input_size=5, samples=500, seed=0)
    objective = LinearAutoencoderObjective(x=samples.x, hidden_size=2)

    def check(found: SearchResult, converged: Tensor) -> None:
        theta, value = found.theta[converged], found.value[converged]
        matches = objective.critical_points.nearest(value, theta)
        eigenvalues = torch.linalg.eigvalsh(objective.linearise(theta).hessian.dense())
        for match, row in zip(matches, eigenvalues, strict=True):
            assert match.relative_loss_error < 1e-6
            assert match.point.negative_eigenvalues == int((row < -1e-5).sum())

    starts = normal(10, objective.parameters, seed=4, scale=0.4)
    return Case(objective=objective, starts=starts, check=check, success=0.6)


def network() -> Case:
    """Nothing is known of its critical points but that the gradient vanishes there."""
    x, y = normal(20, 3, seed=5), normal(20, 2, seed=6)
    objective = NetworkObjective(
        module=mlp([3, 2, 2], "tanh"),
        x=x,
        y=y,
        loss="mse",
        l2=1e-2,
        memory_budget_bytes=2**26,
    )

    def check(found: SearchResult, converged: Tensor) -> None:
        _, gradient = objective.gradient(found.theta[converged])
        assert (gradient.square().sum(1) < CUTOFF).all()

    starts = normal(6, objective.parameters, seed=7, scale=0.5)
    return Case(objective=objective, starts=starts, check=check, success=0.1)


CASES: dict[str, Callable[[], Case]] = {
    **{f"quadratic of rank {k}": lambda k=k: quadratic_of_rank(k) for k in (1, 3, 6)},
    "wells": wells,
    "cubic": cubic,
    "quartic": quartic_case,
    "linear autoencoder": linear_autoencoder,
    "network": network,
}


@pytest.mark.parametrize("dense_limit", [0, 2000], ids=["products", "formed"])
@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize("kind", FINDERS)
def test_converged_points_are_critical(
    kind: str, problem: str, dense_limit: int
) -> None:
    case = CASES[problem]()

    found = search(
        case.objective,
        FINDERS[kind],
        case.starts,
        max_iterations=100,
        squared_gradient_norm_cutoff=CUTOFF,
        dense_limit=dense_limit,
    )

    converged = torch.tensor([stop is StopReason.CONVERGED for stop in found.stop])
    assert converged.double().mean() >= case.success
    assert (found.gradient[converged].square().sum(1) < CUTOFF).all()
    assert (found.gradient[~converged].square().sum(1) >= CUTOFF).all()
    case.check(found, converged)
