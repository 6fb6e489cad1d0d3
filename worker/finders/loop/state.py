"""The whole state of a batched search, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, final

import torch
from torch import Tensor

from worker.finders.base import FinderState, StopReason

RUNNING = -1
"""Stop number of a run that goes on; others number the members of StopReason."""

REASONS = tuple(StopReason)

TRACES = (
    "loss",
    "squared_gradient_norm",
    "relative_residual",
    "relative_residual_krylov",
    "step_size",
    "gradient_evaluations",
    "hessian_vector_products",
)
"""Column ``k`` describes iterate ``k`` and the step taken from it."""


@final
@dataclass(slots=True, kw_only=True)
class SearchState:
    """Everything the loop knows between two iterations; it alone writes to it.

    A search resumed from it goes on number for number.

    Attributes:
        formed: Whether Hessians are formed, or known by their products only.
        iteration: Iterations done.
        together: Runs that memory lets advance together: all until it was short.
        theta: Iterates, ``(runs, parameters)``.
        value: Losses there, ``(runs,)``.
        gradient: Gradients there, ``(runs, parameters)``.
        stop: RUNNING, or the number of the reason in REASONS, ``(runs,)``.
        iterations: Steps taken, ``(runs,)``.
        gradient_evaluations: ``(runs,)``.
        hessian_vector_products: ``(runs,)``.
        relative_residual_max: Largest r so far, NaN before the first, ``(runs,)``.
        relative_residual_max_iteration: Its iteration, -1 before, ``(runs,)``.
        monitor: What the stopping rules remember, ``(runs,)`` each.
        finder: What the finder remembers, ``(runs, ...)`` each.
        traces: The history, ``(runs, capacity)`` each, NaN where nothing happened.
    """

    formed: bool
    iteration: int
    together: int
    theta: Tensor
    value: Tensor
    gradient: Tensor
    stop: Tensor
    iterations: Tensor
    gradient_evaluations: Tensor
    hessian_vector_products: Tensor
    relative_residual_max: Tensor
    relative_residual_max_iteration: Tensor
    monitor: dict[str, Tensor] = field(default_factory=dict)
    finder: FinderState = field(default_factory=dict)
    traces: dict[str, Tensor] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Number of runs, finished ones included."""
        return self.theta.shape[0]

    @property
    def active(self) -> Tensor:
        """Numbers of the runs that go on."""
        return torch.nonzero(self.stop == RUNNING).squeeze(1)

    @classmethod
    def begin(
        cls,
        theta: Tensor,
        *,
        formed: bool,
        monitor: dict[str, Tensor],
        finder: FinderState,
    ) -> Self:
        """The state before the first iteration, from starts ``(runs, parameters)``."""
        runs = len(theta)
        zeros = theta.new_zeros(runs, dtype=torch.int64)
        unknown = theta.new_full((runs,), torch.nan)
        return cls(
            formed=formed,
            iteration=0,
            together=runs,
            theta=theta.clone(),
            value=unknown.clone(),
            gradient=torch.full_like(theta, torch.nan),
            stop=torch.full_like(zeros, RUNNING),
            iterations=zeros.clone(),
            gradient_evaluations=zeros.clone(),
            hessian_vector_products=zeros.clone(),
            relative_residual_max=unknown.clone(),
            relative_residual_max_iteration=torch.full_like(zeros, -1),
            monitor=monitor,
            finder=finder,
            traces={
                name: theta.new_empty((runs, 0), dtype=torch.float64) for name in TRACES
            },
        )

    def reserve(self) -> None:
        """Makes room in the traces for the current iteration."""
        for name, trace in self.traces.items():
            missing = self.iteration + 1 - trace.shape[1]
            if missing > 0:
                more = max(missing, _FIRST_CAPACITY, trace.shape[1])
                empty = trace.new_full((self.runs, more), torch.nan)
                self.traces[name] = torch.cat([trace, empty], dim=1)

    def record(self, rows: Tensor, trace: str, values: Tensor) -> None:
        """Writes the current iteration's column of a trace."""
        self.traces[trace][rows, self.iteration] = values.to(torch.float64)

    def record_residual(
        self, rows: Tensor, values: Tensor, *, eligible: Tensor
    ) -> None:
        """Records relative residuals; the eligible count towards the maximum."""
        self.record(rows, "relative_residual", values)
        old = self.relative_residual_max[rows]
        larger = eligible & ~(values <= old) & ~values.isnan()
        self.relative_residual_max[rows[larger]] = values[larger]
        self.relative_residual_max_iteration[rows[larger]] = self.iteration

    def end(self, rows: Tensor, reason: StopReason) -> None:
        """Ends some runs."""
        self.stop[rows] = REASONS.index(reason)

    def result(self, flatness_cutoff: float) -> "SearchResult":
        """What is to be told of a search in which every run has ended."""
        columns = int(self.iterations.max()) + 1
        return SearchResult(
            formed=self.formed,
            theta=self.theta,
            value=self.value,
            gradient=self.gradient,
            stop=tuple(REASONS[number] for number in self.stop.tolist()),
            iterations=self.iterations,
            gradient_evaluations=self.gradient_evaluations,
            hessian_vector_products=self.hessian_vector_products,
            traces={name: each[:, :columns] for name, each in self.traces.items()},
            relative_residual_max=self.relative_residual_max,
            relative_residual_max_iteration=self.relative_residual_max_iteration,
            ever_gradient_flat=self.relative_residual_max > flatness_cutoff,
        )

    def snapshot(self) -> Self:
        """A copy to go back to within this iteration; it shares the traces."""
        copies: dict[str, Any] = {name: getattr(self, name).clone() for name in _PLAIN}
        for group in _MEMORIES:
            memory = getattr(self, group)
            copies[group] = {name: each.clone() for name, each in memory.items()}
        return replace(self, **copies)

    def go_back(self, snapshot: Self) -> None:
        """Forgets what has been done in this iteration since a snapshot."""
        for name in (*_PLAIN, *_MEMORIES):
            setattr(self, name, getattr(snapshot, name))
        for trace in self.traces.values():
            trace[:, self.iteration :] = torch.nan

    def to_tensors(self) -> dict[str, Tensor]:
        """A copy under flat names, on the CPU."""
        tensors: dict[str, Tensor] = {name: getattr(self, name) for name in _PLAIN}
        tensors["formed"] = torch.tensor(self.formed, device="cpu")
        tensors["iteration"] = torch.tensor(self.iteration, device="cpu")
        tensors["together"] = torch.tensor(self.together, device="cpu")
        for group in _GROUPS:
            for name, tensor in getattr(self, group).items():
                tensors[f"{group}.{name}"] = tensor
        return {
            name: tensor.detach().to("cpu", copy=True).contiguous()
            for name, tensor in tensors.items()
        }

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], *, device: torch.device | None = None
    ) -> Self:
        """The state that `to_tensors` copied."""
        copies = {name: each.to(device, copy=True) for name, each in tensors.items()}
        fields: dict[str, Any] = {name: copies[name] for name in _PLAIN}
        for group in _GROUPS:
            fields[group] = {
                name.removeprefix(f"{group}."): each
                for name, each in copies.items()
                if name.startswith(f"{group}.")
            }
        return cls(
            formed=bool(copies["formed"]),
            iteration=int(copies["iteration"]),
            together=int(copies["together"]),
            **fields,
        )


_PLAIN = (
    "theta",
    "value",
    "gradient",
    "stop",
    "iterations",
    "gradient_evaluations",
    "hessian_vector_products",
    "relative_residual_max",
    "relative_residual_max_iteration",
)
_FIRST_CAPACITY = 64
_MEMORIES = ("monitor", "finder")
_GROUPS = (*_MEMORIES, "traces")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Where the runs ended, and how they came there.

    Attributes:
        formed: Whether Hessians were formed, or known by their products only.
        theta: Final points, ``(runs, parameters)``.
        value: Losses there, ``(runs,)``; not finite where a start failed.
        gradient: Gradients there, ``(runs, parameters)``.
        stop: Why each run ended.
        iterations: Steps taken, ``(runs,)``.
        gradient_evaluations: ``(runs,)``.
        hessian_vector_products: ``(runs,)``.
        traces: Histories by the names in TRACES, ``(runs, iterations + 1)``,
            NaN-padded; the counts are cumulative.
        relative_residual_max: Largest r over the iterates that are not critical, NaN if
            there is none, ``(runs,)``.
        relative_residual_max_iteration: Its iteration, -1 if none, ``(runs,)``.
        ever_gradient_flat: Whether it exceeded the flatness cut-off, ``(runs,)`` bool.
    """

    formed: bool
    theta: Tensor
    value: Tensor
    gradient: Tensor
    stop: tuple[StopReason, ...]
    iterations: Tensor
    gradient_evaluations: Tensor
    hessian_vector_products: Tensor
    traces: dict[str, Tensor]
    relative_residual_max: Tensor
    relative_residual_max_iteration: Tensor
    ever_gradient_flat: Tensor
