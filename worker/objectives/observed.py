"""An objective whose calls are announced, to count them or to break them off."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation, Objective


@final
class Call(Enum):
    """What an objective, or one of its Hessians, is asked for."""

    VALUE = "value"
    GRADIENT = "gradient"
    LINEARISATION = "linearisation"
    PRODUCT = "product"
    HESSIAN = "hessian"


Announce = Callable[[Call, int], None]
"""Told of a call, and for how many runs, before it is made; may raise instead."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedObjective:
    """Another objective.

    Attributes:
        inner: The other.
        announce: Told of every call.
    """

    inner: Objective
    announce: Announce

    @property
    def parameters(self) -> int:
        """Length of a parameter vector."""
        return self.inner.parameters

    @property
    def samples(self) -> int | None:
        """Size of the data set, where there is one."""
        return self.inner.samples

    @property
    def smooth(self) -> bool:
        """Whether it is twice differentiable everywhere."""
        return self.inner.smooth

    @property
    def dtype(self) -> torch.dtype:
        """Precision it computes in."""
        return self.inner.dtype

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.inner.device

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed."""
        return self.inner.hessian_cost

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs, without dense Hessians."""
        return self.inner.bytes_needed(runs)

    def value(self, theta: Tensor) -> Tensor:
        """Losses, ``(runs,)``."""
        self.announce(Call.VALUE, len(theta))
        return self.inner.value(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Losses ``(runs,)`` and gradients ``(runs, parameters)``."""
        self.announce(Call.GRADIENT, len(theta))
        return self.inner.gradient(theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        """Losses, gradients and Hessians, ready for many products."""
        self.announce(Call.LINEARISATION, len(theta))
        at = self.inner.linearise(theta)
        return Linearisation(
            theta=at.theta,
            value=at.value,
            gradient=at.gradient,
            hessian=ObservedOperator(inner=at.hessian, announce=self.announce),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedOperator:
    """Another operator.

    Attributes:
        inner: The other.
        announce: Told of every product and of every time it is formed.
    """

    inner: SymmetricOperator
    announce: Announce

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self.inner.runs

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return self.inner.size

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, ``(runs, size)``."""
        self.announce(Call.PRODUCT, len(vectors))
        return self.inner.matvec(vectors)

    def dense(self) -> Tensor:
        """The matrices, ``(runs, size, size)``."""
        self.announce(Call.HESSIAN, self.inner.runs)
        return self.inner.dense()

    def take(self, rows: Tensor) -> Self:
        """The matrices of the runs with the given numbers."""
        return type(self)(inner=self.inner.take(rows), announce=self.announce)
