"""A shard, from its specification to its results."""

import dataclasses
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from service.schemas.reports import Point
from worker import build
from worker.build import Built
from worker.errors import Drained, RunError
from worker.finders.footprint import search_footprint
from worker.finders.hessians import forms_hessians
from worker.finders.state import SearchState
from worker.networks.weights import write
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.classifying import Classified, classify, needed_bytes, survey
from worker.pipeline.decomposing import decompose
from worker.pipeline.memory import within_memory
from worker.pipeline.reproducibility import reproducible
from worker.pipeline.searching import run_search, unsearched
from worker.pipeline.spectra import spectrum_alone, spectrum_later
from worker.pipeline.spectra_state import SpectraState
from worker.pipeline.spectrum_plans import spectrum_footprint
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Watch
from worker.reports.artifacts import DATASET, POINTS, TRACES
from worker.reports.runs import Run
from worker.reports.searches import search_summary
from worker.reports.shards import Facts, write_result
from worker.starts.trajectory import TrainingStopped

_CANCELLED_EARLY = "the job was cancelled before this start was known"


def run_shard(task: ShardTask, observer: Observer) -> list[Point]:
    """Searches from the starts of a shard and classifies where that leads.

    Writes ``points.json``, ``shard.json``, ``points.safetensors``,
    ``traces.safetensors`` and, if it is to be kept, ``dataset.safetensors`` into the
    task's folder. Goes on from ``checkpoint.safetensors`` there, if it belongs to the
    same task; the results are then the same, number for number.

    Args:
        task: The shard.
        observer: Hears of phases, progress, points and checkpoints; a RunError or
            Drained of the computation passes through.

    Returns:
        The points, in order of their starts.
    """
    device = torch.device(task.device)
    with reproducible(device):
        return within_memory(
            partial(_run, task, observer, device),
            task.memory_budget_bytes,
            device=device,
        )


def _run(
    task: ShardTask, observer: Observer, device: torch.device, budget: int
) -> list[Point]:
    watch = Watch(observer)
    observer.phase("preparing")
    built = build.problem(
        task.specification,
        weights=task.weights,
        dataset=task.dataset,
        starts=task.starts,
        device=device,
        memory_budget_bytes=budget // 2,
    )
    _check_memory(task, built)
    saved = Checkpoint(task).read(device)
    if saved is not None and saved.spectra is not None:
        state, spectra = saved.search, saved.spectra
    else:
        resume = None if saved is None else saved.search
        state, runs = _search(task, built, observer, watch, budget // 2, resume=resume)
        spectra = SpectraState.begin(survey(task, built, state.theta, runs))
    found = _classified(
        task, built, state, spectra, observer=observer, watch=watch, budget=budget // 2
    )
    observer.phase("reporting")
    _write_arrays(task, built, state)
    facts = Facts(
        parameters=built.objective.parameters,
        samples=built.objective.samples,
        smooth=built.objective.smooth,
        warnings=built.warnings,
        search=search_summary(
            task.specification.finder,
            state,
            task.starts,
            budget_bytes=budget,
            allowed_bytes=task.memory_budget_bytes,
        ),
        gradient_norm_floors=found.gradient_norm_floors,
    )
    write_result(task.folder, found.points, facts)
    return found.points


def _check_memory(task: ShardTask, built: Built) -> None:
    """Refuses problems of which not even one run can be computed."""
    objective = built.objective
    size, item = objective.parameters, objective.dtype.itemsize
    needed = 0 if spectrum_alone(task, built) else needed_bytes(task, built)
    later = spectrum_later(task, built)
    if later is not None:
        needed = max(needed, spectrum_footprint(task, built, later).bytes(1))
    finder = build.finder(task.specification.finder)
    if finder is not None:
        formed = forms_hessians(
            finder.hessian, objective, finder.finder, dense_limit=task.dense_limit
        )
        search = search_footprint(
            finder.finder,
            size,
            item,
            formed=formed,
            settles=size <= task.dense_limit,
        )
        needed = max(needed, search.bytes(1))
    needed += objective.bytes_needed(1)
    limit = task.memory_limit_bytes or task.memory_budget_bytes
    if needed > limit:
        message = (
            f"one run takes about {needed / 2**20:.0f} MiB of memory;"
            f" the limit is {limit / 2**20:.0f} MiB"
        )
        raise RunError("out_of_memory", message)


def _search(
    task: ShardTask,
    built: Built,
    observer: Observer,
    watch: Watch,
    budget: int,
    *,
    resume: SearchState | None,
) -> tuple[SearchState, list[Run]]:
    """The state in which the search ended, and what is told of each run."""
    finder = build.finder(task.specification.finder)
    try:
        theta = (
            _starts(task, built, observer, watch) if resume is None else resume.theta
        )
    except TrainingStopped:
        if watch.drain_requested:
            raise Drained from None
        return _nothing(task, built)
    if finder is None:
        return _as_they_are(built, theta), [Run.unsearched(i) for i in task.starts]
    observer.phase("searching")
    state = run_search(
        task,
        built.objective,
        finder.finder,
        theta,
        max_iterations=finder.max_iterations,
        hessian=finder.hessian,
        memory_budget_bytes=budget,
        resume=resume,
        observer=observer,
        watch=watch,
    )
    result = state.result(task.specification.classification.flatness_cutoff)
    return state, [Run.of(result, row, i) for row, i in enumerate(task.starts)]


def _classified(
    task: ShardTask,
    built: Built,
    state: SearchState,
    spectra: SpectraState,
    *,
    observer: Observer,
    watch: Watch,
    budget: int,
) -> Classified:
    """The points with their spectra, and classified if more than that is wanted."""
    later = spectrum_later(task, built)
    if later is not None:
        observer.phase("decomposing")
        decompose(
            task,
            built,
            later,
            state,
            spectra,
            memory_budget_bytes=budget,
            observer=observer,
            watch=watch,
        )
    if spectrum_alone(task, built):
        for point in spectra.points:
            observer.point(point)
        return Classified(
            points=spectra.points, gradient_norm_floors=spectra.gradient_norm_floors
        )
    if later is not None:
        Checkpoint(task).write(state, spectra)
        observer.checkpointed(Checkpoint(task).path)
    observer.phase("classifying")
    return classify(
        task,
        built,
        state.theta,
        spectra.points,
        known=spectra.quadrature,
        memory_budget_bytes=budget,
        observer=observer,
        watch=watch,
    )


def _starts(task: ShardTask, built: Built, observer: Observer, watch: Watch) -> Tensor:
    def on_step(done: int, total: int) -> bool:
        observer.progress(done, total, "steps")
        return not (watch.stop_requested or watch.drain_requested)

    return build.starts(task.specification, built, task.starts, on_step=on_step)


def _as_they_are(built: Built, theta: Tensor) -> SearchState:
    """Starts that are not searched from, with a history of one iterate."""
    state = unsearched(theta)
    value, gradient = built.objective.gradient(theta)
    rows = torch.arange(len(theta), device=theta.device)
    state.record(rows, "loss", value)
    state.record(rows, "squared_gradient_norm", gradient.square().sum(1))
    return state


def _nothing(task: ShardTask, built: Built) -> tuple[SearchState, list[Run]]:
    """Runs of a job that was cancelled before its starts were known."""
    objective = built.objective
    theta = torch.full(
        (task.count, objective.parameters),
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
        for start in task.starts
    ]
    return unsearched(theta), runs


def _write_arrays(task: ShardTask, built: Built, state: SearchState) -> None:
    write(
        task.folder / POINTS,
        built.layout,
        state.theta,
        parameter_map=built.parameter_map,
        buffers=built.buffers,
    )
    columns = int(state.iterations.max()) + 1
    save_file(
        {
            name: trace[:, :columns].cpu().contiguous()
            for name, trace in state.traces.items()
        },
        task.folder / TRACES,
    )
    if (
        built.dataset is not None
        and task.specification.keep_dataset
        and task.first == 0
    ):
        _write_dataset(task.folder / DATASET, built.dataset.x, built.dataset.y)


def _write_dataset(path: Path, x: Tensor, y: Tensor) -> None:
    save_file({"x": x.cpu().clone(), "y": y.cpu().clone()}, path)
