"""What every objective offers to the finders."""

from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Linearisation:
    """An objective to second order at a batch of points.

    Attributes:
        theta: Points, ``(runs, parameters)``.
        value: Losses, ``(runs,)``.
        gradient: Gradients, ``(runs, parameters)``.
        hessian: Hessians there.
    """

    theta: Tensor
    value: Tensor
    gradient: Tensor
    hessian: SymmetricOperator


class Objective(Protocol):
    """A deterministic loss of flat parameter vectors.

    Every method takes a batch ``theta`` of ``(runs, parameters)``; the runs do not see
    each other.
    """

    @property
    def parameters(self) -> int:
        """Length of a parameter vector."""
        ...

    @property
    def samples(self) -> int | None:
        """Size of the data set, where there is one."""
        ...

    @property
    def smooth(self) -> bool:
        """Whether it is twice differentiable everywhere."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Precision it computes in."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed.

        A model of the objective's sizes alone, so that it is the same everywhere.
        """
        ...

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs, without dense Hessians."""
        ...

    def value(self, theta: Tensor) -> Tensor:
        """Losses, ``(runs,)``."""
        ...

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Losses ``(runs,)`` and gradients ``(runs, parameters)``."""
        ...

    def linearise(self, theta: Tensor) -> Linearisation:
        """Losses, gradients and Hessians, ready for many products."""
        ...
