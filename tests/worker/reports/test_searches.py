"""What a report tells of how a search was done."""

import torch

from service.schemas.finders import DampedNewtonFinder, Finder, NoFinder
from service.schemas.reports import SearchSummary
from worker.finders.loop.state import SearchState
from worker.reports.searches import join_searches, search_summary

MIB = 2**20
DAMPED = DampedNewtonFinder(kind="damped_newton")


def summary(
    *, finder: Finder = DAMPED, together: int = 5, iteration: int = 3, mib: int = 512
) -> SearchSummary | None:
    """Of a shard of five starts that might have taken 512 MiB."""
    state = SearchState.begin(torch.zeros(5, 2), formed=False, monitor={}, finder={})
    state.iteration = iteration
    state.together = together
    return search_summary(
        finder,
        state,
        range(10, 15),
        budget_bytes=mib * MIB,
        allowed_bytes=512 * MIB,
    )


def test_a_search_with_memory_enough_has_nothing_to_note() -> None:
    expected = SearchSummary(finder="damped_newton", hessian="krylov", notes=[])
    assert summary() == expected


def test_what_little_memory_led_to_is_noted() -> None:
    found = summary(together=2, mib=128)
    assert found is not None
    assert found.notes == [
        "starts 10 to 14: memory was short, and at most 2 runs advanced together",
        "starts 10 to 14: memory was short, and 128 of the 512 MiB allowed were used",
    ]


def test_where_nothing_was_searched_nothing_is_told() -> None:
    assert summary(finder=NoFinder(kind="none")) is None
    assert summary(iteration=0) is None


def test_the_notes_of_all_shards_are_kept() -> None:
    joined = join_searches([None, summary(), summary(together=4), summary(together=1)])
    assert joined is not None
    assert (joined.finder, joined.hessian) == ("damped_newton", "krylov")
    assert [note.split("most ")[1][0] for note in joined.notes] == ["4", "1"]
    assert join_searches([None, None]) is None
