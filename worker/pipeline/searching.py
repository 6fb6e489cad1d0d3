"""The search of a shard: with progress, checkpoints, and an end on demand."""

from typing import final

import torch
from torch import Tensor

from worker.errors import Drained
from worker.finders.base import Finder, StopReason
from worker.finders.hessians import HessianChoice
from worker.finders.search import search
from worker.finders.state import REASONS, RUNNING, SearchState
from worker.linalg.shortage import is_shortage
from worker.objectives.base import Objective
from worker.objectives.determinism import check_determinism
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Interrupted, Watch


def run_search(
    task: ShardTask,
    objective: Objective,
    finder: Finder,
    theta: Tensor,
    *,
    max_iterations: int,
    hessian: HessianChoice,
    memory_budget_bytes: int,
    resume: SearchState | None,
    observer: Observer,
    watch: Watch,
) -> SearchState:
    """Searches from every start of a shard.

    Args:
        task: The shard.
        objective: What is searched.
        finder: How.
        theta: Starts, ``(runs, parameters)``.
        max_iterations: Steps a run may take.
        hessian: Whether Hessians are formed.
        memory_budget_bytes: What the loop may take.
        resume: State to go on from.
        observer: Hears of progress and checkpoints.
        watch: Knows when to end.

    Returns:
        The final state, in which every run has ended.

    Raises:
        MemoryError: If memory does not hold one run; the search has been checkpointed.
        RuntimeError: The same, as allocators say it.
    """
    check_determinism(objective, theta[:1])
    cutoffs = task.specification.classification
    tracker = _Tracker(task, resume, max_iterations, observer, watch)
    try:
        search(
            watch.searching(objective),
            finder,
            theta,
            max_iterations=max_iterations,
            squared_gradient_norm_cutoff=cutoffs.squared_gradient_norm_cutoff,
            flatness_cutoff=cutoffs.flatness_cutoff,
            hessian=hessian,
            dense_limit=task.dense_limit,
            memory_budget_bytes=memory_budget_bytes,
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
        self,
        task: ShardTask,
        state: SearchState | None,
        max_iterations: int,
        observer: Observer,
        watch: Watch,
    ) -> None:
        self.state = state
        self._checkpoint = Checkpoint(task)
        self._max_iterations = max_iterations
        self._observer = observer
        self._watch = watch

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
