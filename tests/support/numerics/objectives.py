"""Small objectives with known answers, and counts of their calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from tests.support.numerics.devices import CPU
from worker.linalg.operators import DenseOperator
from worker.objectives.base import Linearisation
from worker.objectives.observed import Call


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


def quartic(device: torch.device = CPU) -> FunctionObjective:
    """Critical at (-3, 0), strictly gradient-flat at (sqrt 2, 0)."""

    def function(theta: Tensor) -> Tensor:
        x, y = theta.unbind(1)
        return x**4 / 4 - 3 * x**2 + 9 * x + 0.9 * y**4 + 5 * y**2 + 40

    return FunctionObjective(function=function, parameters=2, device=device)


def quadratic(matrix: Tensor, linear: Tensor) -> FunctionObjective:
    """``theta^T A theta / 2 - b^T theta``."""
    return FunctionObjective(
        function=lambda theta: ((theta @ matrix) * theta).sum(1) / 2 - theta @ linear,
        parameters=len(linear),
        device=linear.device,
    )


@final
class Counts:
    """Numbers of runs of every call of an observed objective."""

    def __init__(self) -> None:
        self._runs: dict[Call, list[int]] = {call: [] for call in Call}

    def __call__(self, call: Call, runs: int) -> None:
        self._runs[call].append(runs)

    @property
    def rows(self) -> list[int]:
        """Runs of each gradient, one call after the other."""
        return self._runs[Call.GRADIENT]

    @property
    def gradients(self) -> int:
        return sum(self._runs[Call.GRADIENT]) + sum(self._runs[Call.LINEARISATION])

    @property
    def products(self) -> int:
        return sum(self._runs[Call.PRODUCT])
