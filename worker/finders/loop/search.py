"""The loop that runs a finder on a batch of starts.

All runs advance together, each with its own step size, history and end; a run that has
ended leaves the batch. One iteration of a run evaluates its iterate (to second order),
decides whether to stop there, and else asks the finder for a step. Runs are independent
of each other, and all that is known between two iterations is a `SearchState`.
"""

from collections.abc import Callable

from torch import Tensor

from worker.finders.base import Finder, StopReason
from worker.finders.loop.footprint import search_footprint
from worker.finders.loop.groups import Groups
from worker.finders.loop.hessians import HessianChoice, forms_hessians
from worker.finders.loop.iteration import Iteration
from worker.finders.loop.state import SearchResult, SearchState
from worker.finders.loop.stopping import StoppingRules
from worker.objectives.base import Objective

Observer = Callable[[SearchState], bool]
"""Called after each iteration; false asks for a stop."""


def search(
    objective: Objective,
    finder: Finder,
    theta: Tensor,
    *,
    max_iterations: int = 500,
    squared_gradient_norm_cutoff: float = 1e-10,
    flatness_cutoff: float = 0.9,
    hessian: HessianChoice = "auto",
    dense_limit: int = 2000,
    memory_budget_bytes: int = 2**31,
    observer: Observer | None = None,
    resume: SearchState | None = None,
) -> SearchResult:
    """Runs a finder from every start until each run has a reason to stop.

    Args:
        objective: What is searched.
        finder: How.
        theta: Starts, ``(runs, parameters)``.
        max_iterations: Steps a run may take.
        squared_gradient_norm_cutoff: ``|g|^2`` below which a point is critical.
        flatness_cutoff: Relative residual above which an iterate is gradient-flat.
        hessian: Whether Hessians are formed, once for each iterate, so that the
            finder's products are products with matrices.
        dense_limit: Number of parameters beyond which they are not, neither for that
            nor for runs to settle on gradient-flat points.
        memory_budget_bytes: What the loop's own matrices and vectors may take; runs
            beyond it advance in groups.
        observer: Watches the state, and may ask for a stop.
        resume: State to go on from; its runs must be those of ``theta``.

    Returns:
        The final points, reasons and histories. Hessians that are to be formed and are
        too large raise the RunError of `forms_hessians`.

    Raises:
        ValueError: If ``resume`` is of other runs.
    """
    if resume is not None and resume.theta.shape != theta.shape:
        raise ValueError("the state to resume from belongs to other starts")
    rules = StoppingRules.of(
        finder, squared_gradient_norm_cutoff=squared_gradient_norm_cutoff
    )
    state = resume
    if state is None:
        state = SearchState.begin(
            theta,
            formed=forms_hessians(hessian, objective, finder, dense_limit=dense_limit),
            monitor=rules.start(theta),
            finder=finder.initial_state(theta),
        )
    settles = theta.shape[1] <= dense_limit
    footprint = search_footprint(
        finder,
        theta.shape[1],
        theta.element_size(),
        formed=state.formed,
        settles=settles,
    )
    groups = Groups(
        iteration=Iteration(
            objective=objective,
            finder=finder,
            rules=rules,
            settles=settles,
        ),
        size=min(state.together, footprint.runs(memory_budget_bytes)),
    )
    asked_to_stop = False
    while len(state.active):
        last = None
        if state.iteration >= max_iterations:
            last = StopReason.MAX_ITERATIONS
        elif asked_to_stop:
            last = StopReason.STOP_REQUESTED
        state.reserve()
        groups.advance(state, last)
        if last is None:
            state.iteration += 1
            asked_to_stop = observer is not None and not observer(state)
    return state.result(flatness_cutoff)
