"""One iteration of a batch of runs."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import Finder, Point, Step, StopReason
from worker.finders.loop.settling import settle
from worker.finders.loop.state import SearchState
from worker.finders.loop.stopping import StoppingRules, gradient_in_kernel
from worker.linalg.operators import DenseOperator
from worker.objectives.base import Linearisation, Objective


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """Evaluates iterates, decides which runs end there, and moves the others.

    Attributes:
        objective: What is searched.
        finder: How.
        rules: The loop's own stops.
        settles: Whether Hessians may be formed for runs to settle on gradient-flat
            points.
    """

    objective: Objective
    finder: Finder
    rules: StoppingRules
    settles: bool

    def advance(
        self, state: SearchState, rows: Tensor, last: StopReason | None
    ) -> None:
        """Takes the runs ``rows`` from one iterate to the next.

        Args:
            state: Written to, in these rows only.
            rows: Numbers of running runs, ``(k,)``.
            last: Why they end at this iterate, if no step may follow.
        """
        at = self.objective.linearise(state.theta[rows])
        state.gradient_evaluations[rows] += 1
        going_on = self._stop_at(state, rows, at, last)
        if len(going_on):
            self._move(
                state, rows[going_on], self._point(at, going_on, formed=state.formed)
            )
        for name in ("gradient_evaluations", "hessian_vector_products"):
            state.record(rows, name, getattr(state, name)[rows])

    def _stop_at(
        self,
        state: SearchState,
        rows: Tensor,
        at: Linearisation,
        last: StopReason | None,
    ) -> Tensor:
        """Stops that loss and gradient decide; positions in ``rows`` of the others."""
        square = at.gradient.square().sum(1)
        state.value[rows] = at.value
        state.gradient[rows] = at.gradient
        state.record(rows, "loss", at.value)
        state.record(rows, "squared_gradient_norm", square)
        finite = at.value.isfinite() & square.isfinite()
        failure = (
            StopReason.NON_FINITE if state.iteration else StopReason.NON_FINITE_START
        )
        monitor = {name: each[rows] for name, each in state.monitor.items()}
        ended = self.rules.fallen(square, monitor)
        _write(state.monitor, rows, monitor)
        below = self.rules.below(square)
        if last is not None:
            ended = torch.ones_like(ended)
        state.end(rows[~finite], failure)
        state.end(rows[finite & ended & below], StopReason.CONVERGED)
        state.end(rows[finite & ended & ~below], last or StopReason.STAGNATED)
        return torch.nonzero(finite & ~ended)[:, 0]

    def _point(self, at: Linearisation, kept: Tensor, *, formed: bool) -> Point:
        hessian = at.hessian if len(kept) == len(at.value) else at.hessian.take(kept)
        norm = torch.full_like(at.value[kept], torch.nan)
        if formed:
            hessian = DenseOperator(matrices=hessian.dense())
            norm = torch.linalg.matrix_norm(hessian.matrices)
        gradient = at.gradient[kept]
        return Point(
            theta=at.theta[kept],
            value=at.value[kept],
            gradient=gradient,
            squared_gradient_norm=gradient.square().sum(1),
            hessian=hessian,
            hessian_gradient=hessian.matvec(gradient),
            frobenius_norm=norm,
        )

    def _move(self, state: SearchState, rows: Tensor, point: Point) -> None:
        """Lets the finder step from a point whose loss and gradient are finite."""
        memory = {name: each[rows] for name, each in state.finder.items()}
        step = self.finder.step(self.objective, point, memory)
        if self.settles:
            step = self._settled(state, rows, point, step)
        state.gradient_evaluations[rows] += step.gradient_evaluations
        state.hessian_vector_products[rows] += step.hessian_vector_products + 1
        flat = gradient_in_kernel(point, step)
        state.record_residual(
            rows,
            torch.where(flat, 1.0, step.relative_residual),
            eligible=~self.rules.below(point.squared_gradient_norm),
        )
        state.record(rows, "relative_residual_krylov", step.relative_residual_krylov)
        moving = self._stop_after(state, rows, point, step)
        moved = rows[moving]
        state.theta[moved] = step.theta[moving]
        state.iterations[moved] += 1
        state.record(moved, "step_size", step.step_size[moving])
        _write(state.finder, rows, step.state)

    def _settled(
        self, state: SearchState, rows: Tensor, point: Point, step: Step
    ) -> Step:
        """The step; where a run settles on a gradient-flat point, that one."""
        monitor = {name: each[rows] for name, each in state.monitor.items()}
        near = torch.nonzero(self.rules.may_settle(point, step, monitor))[:, 0]
        if not len(near):
            return step
        settled = settle(self.objective, point, step, near)
        self.rules.note_refusals(point, step, monitor, near[~settled.accepted[near]])
        _write(state.monitor, rows, monitor)
        return settled

    def _stop_after(
        self, state: SearchState, rows: Tensor, point: Point, step: Step
    ) -> Tensor:
        """Stops that the Hessian and the step decide; true where the run moves."""
        monitor = {name: each[rows] for name, each in state.monitor.items()}
        stationary = self.rules.stationary(point, step, monitor)
        _write(state.monitor, rows, monitor)
        finite = point.hessian_gradient.isfinite().all(1)
        below = self.rules.below(point.squared_gradient_norm)
        flat = finite & ~below & stationary
        refused = finite & ~flat & ~step.accepted
        state.end(rows[~finite], StopReason.NON_FINITE)
        state.end(rows[flat], StopReason.STATIONARY_GRADIENT_NORM)
        state.end(rows[refused & below], StopReason.CONVERGED)
        state.end(rows[refused & ~below], StopReason.NO_ACCEPTABLE_STEP)
        return finite & ~flat & ~refused


def _write(target: dict[str, Tensor], rows: Tensor, source: dict[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name][rows] = tensor
