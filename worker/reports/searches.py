"""What is told of how a search was done."""

from collections.abc import Sequence

from service.schemas.finders import Finder, NoFinder
from service.schemas.reports import SearchSummary
from worker.finders.loop.state import SearchState


def search_summary(
    finder: Finder,
    state: SearchState,
    starts: Sequence[int],
    *,
    budget_bytes: int,
    allowed_bytes: int,
) -> SearchSummary | None:
    """How the search of a shard was done.

    Args:
        finder: What was asked for.
        state: Where the search ended.
        starts: Of the shard.
        budget_bytes: Memory that it kept to in the end.
        allowed_bytes: Memory that it might have taken.

    Returns:
        The summary; None where there was no search, or no iteration of it.
    """
    if isinstance(finder, NoFinder) or state.iteration == 0:
        return None
    where = f"starts {starts[0]} to {starts[-1]}: memory was short, and"
    notes: list[str] = []
    if state.together < state.runs:
        notes.append(f"{where} at most {state.together} runs advanced together")
    if budget_bytes < allowed_bytes:
        notes.append(
            f"{where} {budget_bytes / 2**20:.0f} of the"
            f" {allowed_bytes / 2**20:.0f} MiB allowed were used"
        )
    hessian = "exact" if state.formed else "krylov"
    return SearchSummary(finder=finder.kind, hessian=hessian, notes=notes)


def join_searches(summaries: Sequence[SearchSummary | None]) -> SearchSummary | None:
    """How a job's search was done, from the summaries of its shards, in their order."""
    known = [each for each in summaries if each is not None]
    if not known:
        return None
    notes = [note for each in known for note in each.notes]
    return known[0].model_copy(update={"notes": notes})
