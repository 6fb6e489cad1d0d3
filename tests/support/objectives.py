"""Small objectives with known answers, and one that counts its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.objectives.base import Linearisation, Objective

CPU = torch.device("cpu")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionObjective:
    """A function of ``(runs, parameters)`` to ``(runs,)``, with autograd."""

    function: Callable[[Tensor], Tensor]
    parameters: int
    samples: int | None = None
    smooth: bool = True
    dtype: torch.dtype = torch.float64
    device: torch.device = CPU
    hessian_cost: float = 1.0

    def bytes_needed(self, runs: int) -> int:
        return 8 * runs * self.parameters**2

    def value(self, theta: Tensor) -> Tensor:
        return self.function(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        leaf = theta.clone().requires_grad_()
        values = self.function(leaf)
        (gradients,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach(), gradients

    def linearise(self, theta: Tensor) -> Linearisation:
        leaf = theta.clone().requires_grad_()
        values = self.function(leaf)
        (gradients,) = torch.autograd.grad(values.sum(), leaf, create_graph=True)
        columns = [
            torch.autograd.grad(column.sum(), leaf, retain_graph=True)[0]
            if column.requires_grad
            else torch.zeros_like(leaf)
            for column in gradients.unbind(1)
        ]
        return Linearisation(
            theta=theta,
            value=values.detach(),
            gradient=gradients.detach(),
            hessian=DenseOperator(matrices=torch.stack(columns, dim=1)),
        )


def quartic() -> FunctionObjective:
    """Critical at (-3, 0), strictly gradient-flat at (sqrt 2, 0)."""

    def function(theta: Tensor) -> Tensor:
        x, y = theta.unbind(1)
        return x**4 / 4 - 3 * x**2 + 9 * x + 0.9 * y**4 + 5 * y**2 + 40

    return FunctionObjective(function=function, parameters=2)


def quadratic(matrix: Tensor, linear: Tensor) -> FunctionObjective:
    """``theta^T A theta / 2 - b^T theta``."""
    return FunctionObjective(
        function=lambda theta: ((theta @ matrix) * theta).sum(1) / 2 - theta @ linear,
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

    @property
    def hessian_cost(self) -> float:
        return self.inner.hessian_cost

    def bytes_needed(self, runs: int) -> int:
        return self.inner.bytes_needed(runs)

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
