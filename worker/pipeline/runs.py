"""The runs of a shard: searched, taken as they are, or never begun."""

import dataclasses

import torch
from torch import Tensor

from worker import build
from worker.errors import Drained
from worker.finders.loop.state import SearchState
from worker.pipeline.searching import run_search, unsearched
from worker.pipeline.work import Work
from worker.reports.runs import Run
from worker.starts.trajectory import TrainingStopped

_CANCELLED_EARLY = "the job was cancelled before this start was known"


def run_starts(
    work: Work, *, resume: SearchState | None
) -> tuple[SearchState, list[Run]]:
    """Goes from every start of a shard as far as its finder leads.

    Args:
        work: The shard.
        resume: State of an earlier attempt to go on from.

    Returns:
        The state in which the runs ended, and what is told of each.

    Raises:
        Drained: If the shard is to be left.
    """
    task = work.task
    finder = build.finder(task.specification.finder)
    try:
        theta = _starts(work) if resume is None else resume.theta
    except TrainingStopped:
        if work.watch.drain_requested:
            raise Drained from None
        return _never_begun(work)
    if finder is None:
        return _as_they_are(work, theta), [Run.unsearched(i) for i in task.starts]
    work.observer.phase("searching")
    state = run_search(work, finder, theta, resume=resume)
    result = state.result(task.specification.classification.flatness_cutoff)
    return state, [Run.of(result, row, i) for row, i in enumerate(task.starts)]


def _starts(work: Work) -> Tensor:
    watch = work.watch

    def on_step(done: int, total: int) -> bool:
        work.observer.progress(done, total, "steps")
        return not (watch.stop_requested or watch.drain_requested)

    task = work.task
    return build.starts(task.specification, work.built, task.starts, on_step=on_step)


def _as_they_are(work: Work, theta: Tensor) -> SearchState:
    """Starts that are not searched from, with a history of one iterate."""
    state = unsearched(theta)
    value, gradient = work.built.objective.gradient(theta)
    rows = torch.arange(len(theta), device=theta.device)
    state.record(rows, "loss", value)
    state.record(rows, "squared_gradient_norm", gradient.square().sum(1))
    return state


def _never_begun(work: Work) -> tuple[SearchState, list[Run]]:
    """Runs of a job that was cancelled before its starts were known."""
    objective = work.built.objective
    theta = torch.full(
        (work.task.count, objective.parameters),
        torch.nan,
        dtype=objective.dtype,
        device=objective.device,
    )
    runs = [
        dataclasses.replace(
            Run.unsearched(start),
            stop_reason="stop_requested",
            gradient_evaluations=0,
            notes=(_CANCELLED_EARLY,),
        )
        for start in work.task.starts
    ]
    return unsearched(theta), runs
