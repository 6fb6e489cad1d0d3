"""Small objectives with known answers, and one that counts its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.objectives.base import Linearisation, Objective


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionObjective:
    """An objective from a function of ``(parameters,)``, differentiated by torch.func."""

    function: Callable[[Tensor], Tensor]
    parameters: int
    samples: int | None = None
    smooth: bool = True
    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")

    def value(self, theta: Tensor) -> Tensor:
        return torch.func.vmap(self.function)(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        gradients, values = torch.func.vmap(torch.func.grad_and_value(self.function))(
            theta
        )
        return values, gradients

    def linearise(self, theta: Tensor) -> Linearisation:
        values, gradients = self.gradient(theta)
        return Linearisation(
            theta=theta,
            value=values,
            gradient=gradients,
            hessian=DenseOperator(
                matrices=torch.func.vmap(torch.func.hessian(self.function))(theta)
            ),
        )


def quartic() -> FunctionObjective:
    """Critical at (-3, 0), strictly gradient-flat at (sqrt 2, 0)."""

    def function(point: Tensor) -> Tensor:
        x, y = point[0], point[1]
        return x**4 / 4 - 3 * x**2 + 9 * x + 0.9 * y**4 + 5 * y**2 + 40

    return FunctionObjective(function=function, parameters=2)


def quadratic(matrix: Tensor, linear: Tensor) -> FunctionObjective:
    """``theta^T A theta / 2 - b^T theta``."""
    return FunctionObjective(
        function=lambda theta: theta @ matrix @ theta / 2 - linear @ theta,
        parameters=len(linear),
    )


@final
@dataclass(slots=True, kw_only=True)
class CountingObjective:
    """An objective that counts evaluations and products, run by run."""

    inner: Objective
    gradients: int = 0
    products: int = 0
    rows: list[int] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        return self.inner.parameters

    @property
    def samples(self) -> int | None:
        return self.inner.samples

    @property
    def smooth(self) -> bool:
        return self.inner.smooth

    @property
    def dtype(self) -> torch.dtype:
        return self.inner.dtype

    @property
    def device(self) -> torch.device:
        return self.inner.device

    def value(self, theta: Tensor) -> Tensor:
        return self.inner.value(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        self.gradients += len(theta)
        self.rows.append(len(theta))
        return self.inner.gradient(theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        self.gradients += len(theta)
        at = self.inner.linearise(theta)
        return Linearisation(
            theta=at.theta,
            value=at.value,
            gradient=at.gradient,
            hessian=CountingOperator(inner=at.hessian, objective=self),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountingOperator:
    """An operator that counts its products."""

    inner: SymmetricOperator
    objective: CountingObjective

    @property
    def runs(self) -> int:
        return self.inner.runs

    @property
    def size(self) -> int:
        return self.inner.size

    def matvec(self, vectors: Tensor) -> Tensor:
        self.objective.products += len(vectors)
        return self.inner.matvec(vectors)

    def dense(self) -> Tensor:
        return self.inner.dense()

    def take(self, rows: Tensor) -> "CountingOperator":
        return CountingOperator(inner=self.inner.take(rows), objective=self.objective)
