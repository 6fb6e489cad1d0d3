"""What one run of a shard takes at the least."""

from worker import build
from worker.build import Built
from worker.errors import RunError
from worker.finders.loop.footprint import search_footprint
from worker.finders.loop.hessians import forms_hessians
from worker.pipeline.classifying import needed_bytes
from worker.pipeline.spectra import spectrum_alone, spectrum_later
from worker.pipeline.spectrum_plans import spectrum_footprint
from worker.pipeline.task import ShardTask


def check_memory(task: ShardTask, built: Built) -> None:
    """Refuses problems of which not even one run can be computed.

    Args:
        task: The shard.
        built: Its problem.

    Raises:
        RunError: If a run takes more than the memory limit (``out_of_memory``).
    """
    phases = (_classification, _spectrum, _search)
    needed = max(phase(task, built) for phase in phases)
    needed += built.objective.bytes_needed(1)
    limit = task.memory_limit_bytes or task.memory_budget_bytes
    if needed > limit:
        message = (
            f"one run takes about {needed / 2**20:.0f} MiB of memory;"
            f" the limit is {limit / 2**20:.0f} MiB"
        )
        raise RunError("out_of_memory", message)


def _classification(task: ShardTask, built: Built) -> int:
    return 0 if spectrum_alone(task, built) else needed_bytes(task, built)


def _spectrum(task: ShardTask, built: Built) -> int:
    later = spectrum_later(task, built)
    return 0 if later is None else spectrum_footprint(task, built, later).bytes(1)


def _search(task: ShardTask, built: Built) -> int:
    finder = build.finder(task.specification.finder)
    if finder is None:
        return 0
    objective = built.objective
    footprint = search_footprint(
        finder.finder,
        objective.parameters,
        objective.dtype.itemsize,
        formed=forms_hessians(
            finder.hessian, objective, finder.finder, dense_limit=task.dense_limit
        ),
        settles=objective.parameters <= task.dense_limit,
    )
    return footprint.bytes(1)
