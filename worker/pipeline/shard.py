"""A shard, from its specification to its results."""

from functools import partial

import torch

from service.schemas.reports import Point
from worker import build
from worker.finders.loop.state import SearchState
from worker.pipeline.arrays import write_arrays
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.classifying import Classified, classify, survey
from worker.pipeline.decomposing import decompose
from worker.pipeline.memory import within_memory
from worker.pipeline.needs import check_memory
from worker.pipeline.reproducibility import reproducible
from worker.pipeline.runs import run_starts
from worker.pipeline.spectra import spectrum_alone, spectrum_later
from worker.pipeline.spectra_state import SpectraState
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Watch
from worker.pipeline.work import Work
from worker.reports.searches import search_summary
from worker.reports.shards import Facts, write_result


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
    """Half of the budget is for the problem's graphs, half for what uses them."""
    observer.phase("preparing")
    built = build.problem(
        task.specification,
        weights=task.weights,
        dataset=task.dataset,
        starts=task.starts,
        device=device,
        memory_budget_bytes=budget // 2,
    )
    check_memory(task, built)
    work = Work(
        task=task,
        built=built,
        memory_budget_bytes=budget // 2,
        observer=observer,
        watch=Watch(observer),
    )
    state, spectra = _surveyed(work)
    found = _classified(work, state, spectra)
    observer.phase("reporting")
    write_arrays(task, built, state)
    write_result(task.folder, found.points, _facts(work, state, found, budget))
    return found.points


def _surveyed(work: Work) -> tuple[SearchState, SpectraState]:
    """Where the runs ended, and what is known of the points so far."""
    saved = Checkpoint(work.task).read(work.built.objective.device)
    if saved is not None and saved.spectra is not None:
        return saved.search, saved.spectra
    state, runs = run_starts(work, resume=None if saved is None else saved.search)
    return state, SpectraState.begin(survey(work, state.theta, runs))


def _classified(work: Work, state: SearchState, spectra: SpectraState) -> Classified:
    """The points with their spectra, and classified if more than that is wanted."""
    later = spectrum_later(work.task, work.built)
    if later is not None:
        decompose(work, later, state, spectra)
    if spectrum_alone(work.task, work.built):
        for point in spectra.points:
            work.observer.point(point)
        return Classified(
            points=spectra.points, gradient_norm_floors=spectra.gradient_norm_floors
        )
    if later is not None:
        checkpoint = Checkpoint(work.task)
        checkpoint.write(state, spectra)
        work.observer.checkpointed(checkpoint.path)
    return classify(work, state.theta, spectra.points, known=spectra.quadrature)


def _facts(work: Work, state: SearchState, found: Classified, budget: int) -> Facts:
    task, objective = work.task, work.built.objective
    return Facts(
        parameters=objective.parameters,
        samples=objective.samples,
        smooth=objective.smooth,
        warnings=work.built.warnings,
        search=search_summary(
            task.specification.finder,
            state,
            task.starts,
            budget_bytes=budget,
            allowed_bytes=task.memory_budget_bytes,
        ),
        gradient_norm_floors=found.gradient_norm_floors,
    )
