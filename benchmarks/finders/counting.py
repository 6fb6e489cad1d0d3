"""An objective that counts what is asked of it."""

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation, Objective


@final
@dataclass(slots=True, kw_only=True)
class Counts:
    """Evaluations so far, summed over the runs.

    Attributes:
        gradients: Gradients, those of linearisations included.
        products: Hessian products, those with formed Hessians not included.
        hessians: Hessians formed.
    """

    gradients: int = 0
    products: int = 0
    hessians: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountedObjective:
    """Another objective, counted.

    Attributes:
        inner: The other.
        counts: Of all calls.
    """

    inner: Objective
    counts: Counts = field(default_factory=Counts)

    @property
    def parameters(self) -> int:
        """As of the other."""
        return self.inner.parameters

    @property
    def samples(self) -> int | None:
        """As of the other."""
        return self.inner.samples

    @property
    def smooth(self) -> bool:
        """As of the other."""
        return self.inner.smooth

    @property
    def dtype(self) -> torch.dtype:
        """As of the other."""
        return self.inner.dtype

    @property
    def device(self) -> torch.device:
        """As of the other."""
        return self.inner.device

    @property
    def hessian_cost(self) -> float:
        """As of the other."""
        return self.inner.hessian_cost

    def bytes_needed(self, runs: int) -> int:
        """As of the other."""
        return self.inner.bytes_needed(runs)

    def value(self, theta: Tensor) -> Tensor:
        """As of the other."""
        return self.inner.value(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """As of the other, counted."""
        self.counts.gradients += len(theta)
        return self.inner.gradient(theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        """As of the other, counted."""
        self.counts.gradients += len(theta)
        at = self.inner.linearise(theta)
        return Linearisation(
            theta=at.theta,
            value=at.value,
            gradient=at.gradient,
            hessian=_CountedOperator(inner=at.hessian, counts=self.counts),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _CountedOperator:
    inner: SymmetricOperator
    counts: Counts

    @property
    def runs(self) -> int:
        return self.inner.runs

    @property
    def size(self) -> int:
        return self.inner.size

    def matvec(self, vectors: Tensor) -> Tensor:
        self.counts.products += len(vectors)
        return self.inner.matvec(vectors)

    def dense(self) -> Tensor:
        self.counts.hessians += self.inner.runs
        return self.inner.dense()

    def take(self, rows: Tensor) -> "_CountedOperator":
        return _CountedOperator(inner=self.inner.take(rows), counts=self.counts)
