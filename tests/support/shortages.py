"""An objective whose Hessians run out of memory for batches above a size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation, Objective

SHORTAGES: dict[str, Callable[[], Exception]] = {
    "gpu": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    "cpu": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't "
        "allocate memory: you tried to allocate 8 bytes. Error code 12 (Cannot "
        "allocate memory)"
    ),
    "python": lambda: MemoryError("no memory"),
    "c++": lambda: RuntimeError("std::bad_alloc"),
}


@final
@dataclass(slots=True, kw_only=True)
class ShortObjective:
    """Fails where more than ``most`` runs are computed together, after some calls."""

    inner: Objective
    most: int
    shortage: str = "gpu"
    after: int = 0
    calls: int = 0
    failures: int = 0
    largest: int = 0

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
        return self.inner.gradient(theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        self.allocate(len(theta))
        at = self.inner.linearise(theta)
        return Linearisation(
            theta=at.theta,
            value=at.value,
            gradient=at.gradient,
            hessian=_ShortOperator(inner=at.hessian, objective=self),
        )

    def allocate(self, runs: int) -> None:
        self.calls += 1
        if self.calls > self.after and runs > self.most:
            self.failures += 1
            error = SHORTAGES[self.shortage]
            raise error()
        self.largest = max(self.largest, runs)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _ShortOperator:
    inner: SymmetricOperator
    objective: ShortObjective

    @property
    def runs(self) -> int:
        return self.inner.runs

    @property
    def size(self) -> int:
        return self.inner.size

    def matvec(self, vectors: Tensor) -> Tensor:
        self.objective.allocate(len(vectors))
        return self.inner.matvec(vectors)

    def dense(self) -> Tensor:
        self.objective.allocate(self.inner.runs)
        return self.inner.dense()

    def take(self, rows: Tensor) -> "_ShortOperator":
        return _ShortOperator(inner=self.inner.take(rows), objective=self.objective)
