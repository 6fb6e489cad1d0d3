"""Our finders, as a worker runs them: all starts in one batch."""

from pydantic import TypeAdapter
from torch import Tensor

from benchmarks.finders.counting import Counts
from benchmarks.finders.trial import CRITICAL, Trial, examine
from benchmarks.stopwatch import Stopwatch
from service.schemas.finders import Finder
from worker import build
from worker.finders.loop.search import search
from worker.objectives.base import Objective
from worker.objectives.closed_forms.linear_autoencoder import LinearAutoencoderObjective
from worker.objectives.observed import ObservedObjective

ITERATIONS = 500


def run_ours(
    kind: str,
    objective: Objective,
    theta: Tensor,
    *,
    known: LinearAutoencoderObjective,
    iterations: int,
) -> Trial:
    """One search from all starts together.

    Args:
        kind: Of the finder, which keeps its defaults.
        objective: What is searched.
        theta: Starts, ``(runs, 128)``.
        known: The same loss, with its critical points.
        iterations: Steps a run may take.

    Returns:
        What came out; the time is that of the search alone.

    Raises:
        ValueError: If the kind is of no finder that searches.
    """
    specification: Finder = TypeAdapter(Finder).validate_python({"kind": kind})
    built = build.finder(specification)
    if built is None:
        raise ValueError(f"{kind} does not search")
    counts = Counts()
    with Stopwatch(str(theta.device)) as watch:
        result = search(
            ObservedObjective(inner=objective, announce=counts),
            built.finder,
            theta,
            max_iterations=iterations,
            squared_gradient_norm_cutoff=CRITICAL,
            hessian=built.hessian,
            memory_budget_bytes=2**30,
        )
    found, matched, index = examine(known, result.theta)
    return Trial(
        theta=result.theta,
        found=found,
        matched=matched,
        index=index,
        iterations=result.iterations,
        gradients=counts.gradients,
        products=counts.products,
        hessians=counts.hessians,
        wall_s=watch.wall_s,
        cpu_s=watch.cpu_s,
    )
