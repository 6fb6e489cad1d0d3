"""A search that runs out of memory goes on with smaller groups."""

import pytest
import torch
from torch import Tensor

from tests.support.numerics.objectives import quartic
from tests.support.numerics.shortages import SHORTAGES, Shortage
from worker.finders.loop.search import search
from worker.finders.loop.state import SearchResult, SearchState
from worker.finders.newton_mr import NewtonMr
from worker.objectives.observed import ObservedObjective

PAIRS = 2000  # bytes of memory that hold two runs


def limited(short: Shortage) -> ObservedObjective:
    return ObservedObjective(inner=quartic(), announce=short)


def starts(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    shares = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return 4.0 * shares - torch.tensor([6.0, 2.0], dtype=torch.float64)


def assert_same(one: SearchResult, other: SearchResult, *, rounding: float = 0) -> None:
    assert one.stop == other.stop
    same = {"rtol": rounding, "atol": rounding, "equal_nan": True}
    for name in (
        "theta",
        "value",
        "gradient",
        "iterations",
        "gradient_evaluations",
        "hessian_vector_products",
        "relative_residual_max",
        "relative_residual_max_iteration",
    ):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), **same)
    for name, trace in one.traces.items():
        torch.testing.assert_close(trace, other.traces[name], **same)


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_halved_groups_find_what_small_groups_find(shortage: str) -> None:
    small = search(quartic(), NewtonMr(), starts(7), memory_budget_bytes=PAIRS)
    short = Shortage(most=2, kind=shortage)

    found = search(
        ObservedObjective(inner=quartic(), announce=short), NewtonMr(), starts(7)
    )

    assert short.failures > 0
    assert_same(found, small)


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_shortage_at_any_time_leaves_no_trace(after: int) -> None:
    whole = search(quartic(), NewtonMr(), starts(7))
    short = Shortage(most=2, after=after)

    found = search(
        ObservedObjective(inner=quartic(), announce=short), NewtonMr(), starts(7)
    )

    assert short.failures > 0
    # Sums over batches of other sizes are rounded differently.
    assert_same(found, whole, rounding=1e-9)


def test_groups_stay_small_once_memory_was_short() -> None:
    short = Shortage(most=2)

    search(limited(short), NewtonMr(), starts(7))

    assert short.failures == 2  # of 7 and 4, then 2
    assert short.largest == 2


def test_a_checkpoint_of_a_halved_search_is_good() -> None:
    kept: list[dict[str, Tensor]] = []

    def observer(state: SearchState) -> bool:
        kept.append(state.to_tensors())
        return len(kept) < 4

    short = Shortage(most=2, after=5)
    search(
        ObservedObjective(inner=quartic(), announce=short),
        NewtonMr(),
        starts(5),
        observer=observer,
    )
    assert short.failures > 0
    again = Shortage(most=2)
    resumed = search(
        limited(again), NewtonMr(), starts(5), resume=SearchState.from_tensors(kept[-1])
    )

    assert again.failures == 0  # small groups are kept to
    whole = search(quartic(), NewtonMr(), starts(5))
    assert_same(resumed, whole, rounding=1e-9)


def test_too_little_for_one_run_is_an_error() -> None:
    states: list[SearchState] = []

    def observer(state: SearchState) -> bool:
        states.append(state)
        return True

    short = Shortage(most=0, after=5)
    with pytest.raises(torch.OutOfMemoryError):
        search(
            ObservedObjective(inner=quartic(), announce=short),
            NewtonMr(),
            starts(3),
            observer=observer,
        )

    # What is left is the state between two iterations.
    resumed = search(quartic(), NewtonMr(), starts(3), resume=states[-1])
    whole = search(quartic(), NewtonMr(), starts(3))
    assert_same(resumed, whole, rounding=1e-9)


def test_other_errors_pass() -> None:
    class Broken(Exception):
        pass

    def observer(state: SearchState) -> bool:
        del state
        raise Broken

    with pytest.raises(Broken):
        search(quartic(), NewtonMr(), starts(2), observer=observer)
