"""Problems to search, small enough for many searches."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import final

import torch
from torch import Tensor

from tests.support.numerics.devices import CPU
from tests.support.numerics.objectives import quadratic, quartic
from worker.networks.architectures import mlp
from worker.objectives.base import Objective
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.closed_forms.polynomial import PolynomialObjective
from worker.objectives.network import NetworkObjective

ZERO = 1e-5
"""Eigenvalues within it count as zero."""

Answer = tuple[float, int]
"""Loss and number of negative eigenvalues at a critical point."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An objective and starts.

    Attributes:
        objective: What is searched.
        starts: ``(runs, parameters)``.
        answers: What is known of the critical points near given ones, ``(k,
            parameters)`` to ``k`` answers; None where nothing is known.
        success: Least share of the starts that each second-order finder brings to a
            critical point.
        easy: The same of the first-order finders.
    """

    objective: Objective
    starts: Tensor
    answers: Callable[[Tensor], list[Answer]] | None
    success: float
    easy: float


def normal(
    *shape: int, seed: int, scale: float = 1.0, device: torch.device = CPU
) -> Tensor:
    """The same draws on every device."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return scale * draws.to(device)


def quadratic_of_rank(rank: int, device: torch.device) -> Case:
    """Eigenvalues of both signs; a kernel, unless the rank is 6."""
    basis, _ = torch.linalg.qr(normal(6, 6, seed=rank, device=device))
    eigenvalues = basis.new_zeros(6)
    eigenvalues[:rank] = basis.new_tensor([(-1.0) ** k * (1 + k) for k in range(rank)])
    matrix = basis @ torch.diag(eigenvalues) @ basis.T
    matrix = (matrix + matrix.T) / 2
    target = normal(6, seed=20, device=device)
    answer = (float(-target @ matrix @ target / 2), rank // 2)
    return Case(
        objective=quadratic(matrix, matrix @ target),
        starts=normal(5, 6, seed=21, device=device),
        answers=lambda points: [answer] * len(points),
        success=1.0,
        easy=1.0,
    )


def linear_regression(device: torch.device) -> Case:
    """One critical point, the solution of the normal equations."""
    x, y = normal(30, 4, seed=30, device=device), normal(30, 2, seed=31, device=device)
    design = torch.cat([x, x.new_ones(30, 1)], dim=1)
    residual = design @ torch.linalg.lstsq(design, y).solution - y
    answer = (float(residual.square().mean()), 0)
    return Case(
        objective=NetworkObjective(
            module=mlp([4, 2], "identity"), x=x, y=y, loss="mse"
        ),
        starts=normal(4, 10, seed=32, device=device),
        answers=lambda points: [answer] * len(points),
        success=1.0,
        easy=1.0,
    )


def logistic_regression(device: torch.device) -> Case:
    """One critical point, found by plain gradient descent."""
    x = normal(30, 3, seed=33, device=device)
    y = (x[:, 0] + normal(30, seed=34, device=device) > 0).long()
    objective = NetworkObjective(
        module=mlp([3, 2], "identity"), x=x, y=y, loss="cross_entropy", l2=1e-2
    )
    theta = x.new_zeros(1, 8)
    for _ in range(2000):
        theta = theta - objective.gradient(theta)[1]
    answer = (float(objective.value(theta)), 0)
    return Case(
        objective=objective,
        starts=normal(4, 8, seed=35, device=device),
        answers=lambda points: [answer] * len(points),
        success=1.0,
        easy=0.0,
    )


def polynomial(
    coefficients: list[float],
    powers: list[list[int]],
    *,
    critical: list[list[float]],
    starts: Tensor,
    success: float,
) -> Case:
    objective = PolynomialObjective(
        coefficients=coefficients, powers=powers, device=starts.device
    )
    points = starts.new_tensor(critical)
    at = objective.linearise(points)
    negative = (torch.linalg.eigvalsh(at.hessian.dense()) < -ZERO).sum(1)

    def answers(found: Tensor) -> list[Answer]:
        nearest = torch.cdist(found, points).min(1)
        assert (nearest.values < 1e-3).all()
        return [(float(at.value[k]), int(negative[k])) for k in nearest.indices]

    return Case(
        objective=objective,
        starts=starts,
        answers=answers,
        success=success,
        easy=success,
    )


def wells(device: torch.device) -> Case:
    """``(x^2 - 1)^2 + 2 (y^2 - 1)^2``: nine critical points."""
    return polynomial(
        [1.0, -2.0, 2.0, -4.0, 3.0],
        [[4, 0], [2, 0], [0, 4], [0, 2], [0, 0]],
        critical=[list(point) for point in product([-1.0, 0.0, 1.0], repeat=2)],
        starts=normal(30, 2, seed=1, device=device),
        success=0.4,
    )


def cubic(device: torch.device) -> Case:
    """``x^3 - 3 x y^2 - 3 x``: two saddles."""
    return polynomial(
        [1.0, -3.0, -3.0],
        [[3, 0], [1, 2], [1, 0]],
        critical=[[1.0, 0.0], [-1.0, 0.0]],
        starts=normal(30, 2, seed=2, scale=2.0, device=device),
        success=0.6,
    )


def himmelblau(device: torch.device) -> Case:
    """``(x^2 + y - 11)^2 + (x + y^2 - 7)^2``: four minima, four saddles, a maximum."""
    return polynomial(
        [1.0, 2.0, -21.0, 1.0, 2.0, -13.0, -14.0, -22.0, 170.0],
        [[4, 0], [2, 1], [2, 0], [0, 4], [1, 2], [0, 2], [1, 0], [0, 1], [0, 0]],
        critical=[
            [3.0, 2.0],
            [-2.805118, 3.131313],
            [-3.779310, -3.283186],
            [3.584428, -1.848127],
            [-0.270845, -0.923039],
            [0.086678, 2.884255],
            [-3.073026, -0.081353],
            [3.385154, 0.073852],
            [-0.127961, -1.953715],
        ],
        starts=normal(30, 2, seed=8, scale=2.5, device=device),
        success=0.6,
    )


def quartic_case(device: torch.device) -> Case:
    """One critical point, a minimum, and strictly gradient-flat points."""

    def answers(found: Tensor) -> list[Answer]:
        assert ((found - found.new_tensor([-3.0, 0.0])).norm(dim=1) < 1e-3).all()
        return [(6.25, 0)] * len(found)

    starts = normal(30, 2, seed=3, scale=2.0, device=device)
    return Case(
        objective=quartic(device),
        starts=starts - starts.new_tensor([2.0, 0.0]),
        answers=answers,
        success=0.4,
        easy=0.4,
    )


def linear_autoencoder(
    input_size: int,
    hidden_size: int,
    *,
    count: int,
    success: float,
    device: torch.device = CPU,
) -> Case:
    samples = autoencoder_samples(input_size=input_size, samples=500, seed=0)
    objective = LinearAutoencoderObjective(
        x=samples.x.to(device), hidden_size=hidden_size
    )

    def answers(found: Tensor) -> list[Answer]:
        matches = objective.critical_points.nearest(objective.value(found), found)
        return [
            (match.point.loss, match.point.negative_eigenvalues) for match in matches
        ]

    return Case(
        objective=objective,
        starts=normal(count, objective.parameters, seed=4, scale=0.4, device=device),
        answers=answers,
        success=success,
        easy=0.0,
    )


def network(
    sizes: list[int],
    activation: str,
    *,
    loss: str,
    seed: int,
    success: float,
    device: torch.device = CPU,
) -> Case:
    """Nothing is known of its critical points."""
    x = normal(20, sizes[0], seed=seed, device=device)
    y = normal(20, sizes[-1], seed=seed + 1, device=device)
    objective = NetworkObjective(
        module=mlp(sizes, activation),
        x=x,
        y=y if loss == "mse" else y.argmax(1),
        loss=loss,
        l2=1e-2,
        memory_budget_bytes=2**26,
    )
    return Case(
        objective=objective,
        starts=normal(6, objective.parameters, seed=seed + 2, scale=0.5, device=device),
        answers=None,
        success=success,
        easy=0.0,
    )


CASES: dict[str, Callable[[torch.device], Case]] = {
    **{f"quadratic of rank {k}": partial(quadratic_of_rank, k) for k in (1, 3, 6)},
    "linear regression": linear_regression,
    "logistic regression": logistic_regression,
    "wells": wells,
    "cubic": cubic,
    "himmelblau": himmelblau,
    "quartic": quartic_case,
    "small linear autoencoder": lambda device: linear_autoencoder(
        4, 1, count=8, success=0.6, device=device
    ),
    "linear autoencoder": lambda device: linear_autoencoder(
        6, 3, count=6, success=0.5, device=device
    ),
    "network with squared error": lambda device: network(
        [3, 2, 2], "tanh", loss="mse", seed=5, success=0.1, device=device
    ),
    "network with cross-entropy": lambda device: network(
        [2, 3, 3], "swish", loss="cross_entropy", seed=50, success=0.1, device=device
    ),
}
