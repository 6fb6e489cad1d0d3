"""The search of a shard: with progress, checkpoints, and an end on demand."""

from typing import final

import torch
from torch import Tensor

from worker.build import BuiltFinder
from worker.errors import Drained
from worker.finders.base import StopReason
from worker.finders.loop.search import search
from worker.finders.loop.state import REASONS, RUNNING, SearchState
from worker.linalg.shortage import is_shortage
from worker.objectives.determinism import check_determinism
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.watch import Interrupted
from worker.pipeline.work import Work


def run_search(
    work: Work, finder: BuiltFinder, theta: Tensor, *, resume: SearchState | None
) -> SearchState:
    """Searches from every start of a shard.

    Args:
        work: The shard.
        finder: How.
        theta: Starts, ``(runs, parameters)``.
        resume: State to go on from.

    Returns:
        The final state, in which every run has ended.

    Raises:
        MemoryError: If memory does not hold one run; the search has been checkpointed.
        RuntimeError: The same, as allocators say it.
    """
    objective, watch = work.built.objective, work.watch
    check_determinism(objective, theta[:1])
    cutoffs = work.task.specification.classification
    tracker = _Tracker(work, resume, finder.max_iterations)
    try:
        search(
            watch.searching(objective),
            finder.finder,
            theta,
            max_iterations=finder.max_iterations,
            squared_gradient_norm_cutoff=cutoffs.squared_gradient_norm_cutoff,
            flatness_cutoff=cutoffs.flatness_cutoff,
            hessian=finder.hessian,
            dense_limit=work.task.dense_limit,
            memory_budget_bytes=work.memory_budget_bytes,
            observer=tracker,
            resume=resume,
        )
    except Interrupted:
        return _ended(tracker.state or unsearched(theta))
    except (MemoryError, RuntimeError) as error:
        if is_shortage(error):
            tracker.write()
        raise
    if not watch.stop_requested:
        tracker.write()
    return tracker.state or unsearched(theta)


def unsearched(theta: Tensor) -> SearchState:
    """The state of runs that took no step."""
    state = SearchState.begin(theta, formed=False, monitor={}, finder={})
    state.reserve()
    return state


def _ended(state: SearchState) -> SearchState:
    """The state with every run that went on stopped."""
    running = torch.nonzero(state.stop == RUNNING).squeeze(1)
    state.stop[running] = REASONS.index(StopReason.STOP_REQUESTED)
    return state


@final
class _Tracker:
    """The search's observer: tells of progress and writes checkpoints.

    Attributes:
        state: Where the search is, once that is known.
    """

    def __init__(
        self, work: Work, state: SearchState | None, max_iterations: int
    ) -> None:
        self.state = state
        self._checkpoint = Checkpoint(work.task)
        self._max_iterations = max_iterations
        self._observer = work.observer
        self._watch = work.watch

    def __call__(self, state: SearchState) -> bool:
        """Looks at the state between two iterations; false asks for a stop."""
        self.state = state
        ended = state.stop != RUNNING
        steps = torch.where(ended, self._max_iterations, state.iterations)
        self._observer.progress(
            int(steps.sum()), self._max_iterations * state.runs, "iterations"
        )
        if self._watch.stop_requested:
            return False
        if self._watch.drain_requested:
            self.write()
            raise Drained
        if self._checkpoint.due:
            self.write()
        return True

    def write(self) -> None:
        """Writes a checkpoint now, if there is a state to be written."""
        if self.state is None:
            return
        self._checkpoint.write(self.state)
        self._observer.checkpointed(self._checkpoint.path)
