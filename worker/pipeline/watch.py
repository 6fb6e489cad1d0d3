"""Asking a computation to end: between two iterations, or in the middle of one."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.errors import Drained
from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation, Objective
from worker.pipeline.task import Observer


@final
class Interrupted(Exception):
    """The computation was broken off to finish up with partial results."""


@final
class Watch:
    """Looks at what the observer asks for, and remembers since when."""

    def __init__(
        self,
        observer: Observer,
        *,
        search_grace_s: float = 3.0,
        classification_grace_s: float = 10.0,
    ) -> None:
        """Watches for an observer.

        Args:
            observer: Whoever may ask for a stop or a drain.
            search_grace_s: Time given then to end an iteration, or to drain.
            classification_grace_s: Time given then, after a stop, to classify points.
        """
        self._observer = observer
        self._search_grace_s = search_grace_s
        self._classification_grace_s = classification_grace_s
        self._stop_since: float | None = None
        self._drain_since: float | None = None

    @property
    def stop_requested(self) -> bool:
        """Whether to finish up with partial results."""
        if self._stop_since is None and self._observer.stop_requested():
            self._stop_since = time.monotonic()
        return self._stop_since is not None

    @property
    def drain_requested(self) -> bool:
        """Whether to leave at the next checkpoint."""
        if self._drain_since is None and self._observer.drain_requested():
            self._drain_since = time.monotonic()
        return self._drain_since is not None

    def poll_search(self) -> None:
        """Breaks off an iteration that did not end by itself."""
        self._poll(self._search_grace_s)

    def poll_classification(self) -> None:
        """Breaks off the classification when its time is over."""
        self._poll(self._classification_grace_s)

    def _poll(self, stop_grace_s: float) -> None:
        if self.stop_requested and _passed(self._stop_since, stop_grace_s):
            raise Interrupted
        if self.drain_requested and _passed(self._drain_since, self._search_grace_s):
            raise Drained


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedObjective:
    """An objective that may be broken off before any evaluation or product.

    Attributes:
        objective: The objective itself.
        poll: Raises what it is to be broken off with.
    """

    objective: Objective
    poll: Callable[[], None]

    @property
    def parameters(self) -> int:
        """Length of a parameter vector."""
        return self.objective.parameters

    @property
    def samples(self) -> int | None:
        """Size of the data set, where there is one."""
        return self.objective.samples

    @property
    def smooth(self) -> bool:
        """Whether it is twice differentiable everywhere."""
        return self.objective.smooth

    @property
    def dtype(self) -> torch.dtype:
        """Precision it computes in."""
        return self.objective.dtype

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.objective.device

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed."""
        return self.objective.hessian_cost

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs, without dense Hessians."""
        return self.objective.bytes_needed(runs)

    def value(self, theta: Tensor) -> Tensor:
        """Losses, ``(runs,)``."""
        self.poll()
        return self.objective.value(theta)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Losses ``(runs,)`` and gradients ``(runs, parameters)``."""
        self.poll()
        return self.objective.gradient(theta)

    def linearise(self, theta: Tensor) -> Linearisation:
        """Losses, gradients and Hessians, ready for many products."""
        self.poll()
        at = self.objective.linearise(theta)
        return Linearisation(
            theta=at.theta,
            value=at.value,
            gradient=at.gradient,
            hessian=_WatchedOperator(operator=at.hessian, poll=self.poll),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _WatchedOperator:
    """An operator that may be broken off before any product."""

    operator: SymmetricOperator
    poll: Callable[[], None]

    @property
    def runs(self) -> int:
        return self.operator.runs

    @property
    def size(self) -> int:
        return self.operator.size

    def matvec(self, vectors: Tensor) -> Tensor:
        self.poll()
        return self.operator.matvec(vectors)

    def dense(self) -> Tensor:
        self.poll()
        return self.operator.dense()

    def take(self, rows: Tensor) -> "_WatchedOperator":
        return _WatchedOperator(operator=self.operator.take(rows), poll=self.poll)


def _passed(since: float | None, grace_s: float) -> bool:
    return since is not None and time.monotonic() - since >= grace_s
