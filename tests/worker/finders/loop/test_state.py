import torch

from worker.finders.base import StopReason
from worker.finders.loop.state import REASONS, RUNNING, SearchState


def begun(runs: int = 3) -> SearchState:
    return SearchState.begin(
        torch.arange(2.0 * runs, dtype=torch.float64).view(runs, 2),
        formed=True,
        monitor={"stalled": torch.zeros(runs, dtype=torch.int64)},
        finder={"step_size": torch.full((runs,), 0.1, dtype=torch.float64)},
    )


def test_tensors_and_back_is_the_same_state() -> None:
    state = begun()
    state.reserve()
    state.record(torch.tensor([1]), "loss", torch.tensor([2.5]))
    state.end(torch.tensor([2]), StopReason.STAGNATED)
    state.iteration = 7
    state.together = 2

    tensors = state.to_tensors()
    again = SearchState.from_tensors(tensors)

    assert again.iteration == 7
    assert again.together == 2
    copies = again.to_tensors()
    assert copies.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert copies[name].dtype == tensor.dtype
        assert torch.equal(copies[name].nan_to_num(-1), tensor.nan_to_num(-1)), name


def test_copies_do_not_change_with_the_state() -> None:
    state = begun()
    tensors = state.to_tensors()

    state.end(torch.tensor([0]), StopReason.CONVERGED)
    state.theta += 1.0

    assert (tensors["stop"] == RUNNING).all()
    assert tensors["theta"][0, 0] == 0.0


def test_ended_runs_are_not_active() -> None:
    state = begun()

    state.end(torch.tensor([0, 2]), StopReason.NO_ACCEPTABLE_STEP)

    assert state.active.tolist() == [1]
    assert REASONS[int(state.stop[0])] is StopReason.NO_ACCEPTABLE_STEP


def test_room_grows_and_keeps_the_history() -> None:
    state = begun()
    for iteration in range(200):
        state.iteration = iteration
        state.reserve()
        state.record(state.active, "loss", torch.full((3,), float(iteration)))

    assert state.traces["loss"][1, :200].tolist() == list(range(200))


def test_the_largest_residual_is_kept_with_its_iteration() -> None:
    state = begun(2)
    rows = torch.arange(2)
    residuals = [[torch.nan, 0.2], [0.5, 0.9], [0.7, 0.3], [0.9, torch.nan]]
    for iteration, values in enumerate(residuals):
        state.iteration = iteration
        state.reserve()
        eligible = torch.tensor([iteration < 3, True])
        values_ = torch.tensor(values, dtype=torch.float64)
        state.record_residual(rows, values_, eligible=eligible)

    assert state.relative_residual_max.tolist() == [0.7, 0.9]
    assert state.relative_residual_max_iteration.tolist() == [2, 1]


def test_stop_reasons_have_stable_names_and_sentences() -> None:
    assert {reason.value for reason in StopReason} == {
        "converged",
        "stationary_gradient_norm",
        "no_acceptable_step",
        "stagnated",
        "max_iterations",
        "non_finite_start",
        "non_finite",
        "stop_requested",
    }
    assert all(reason.sentence.endswith(".") for reason in StopReason)
