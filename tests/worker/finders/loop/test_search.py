from dataclasses import dataclass
from typing import final

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from tests.support.numerics.objectives import (
    Counts,
    FunctionObjective,
    quadratic,
    quartic,
)
from worker.finders.base import STATIONARY, FinderState, Point, Step, StopReason
from worker.finders.loop.search import search
from worker.finders.loop.state import TRACES, SearchResult, SearchState
from worker.finders.newton_mr import NewtonMr
from worker.objectives.base import Objective
from worker.objectives.observed import ObservedObjective


def around_the_critical_point(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    low = torch.tensor([-8.0, -3.0], dtype=torch.float64)
    high = torch.tensor([-1.6, 3.0], dtype=torch.float64)
    return low + shares * (high - low)


def around_the_flat_point(count: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    centre = torch.tensor([1.4, 0.0], dtype=torch.float64)
    return centre + 0.2 * (shares - 0.5)


@final
@dataclass(frozen=True, slots=True)
class Descent:
    """The simplest finder: a fixed fraction of the Newton step, and its own memory."""

    fraction: float = 0.5
    patience: int = 100
    settles_below: float = STATIONARY

    def initial_state(self, theta: Tensor) -> FinderState:
        return {"path": torch.zeros_like(theta)}

    def products(self, size: int) -> int:
        return size

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """The step."""
        del size, item, formed
        return 1

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        del objective
        move = torch.linalg.solve(point.hessian.dense(), -point.gradient)
        move = self.fraction * move
        unknown = torch.full_like(point.value, torch.nan)
        zero = torch.zeros_like(point.value, dtype=torch.int64)
        return Step(
            theta=point.theta + move,
            accepted=torch.ones_like(point.value, dtype=torch.bool),
            step_size=torch.full_like(point.value, self.fraction),
            relative_residual=unknown,
            relative_residual_krylov=unknown,
            hessian_norm=point.frobenius_norm,
            gradient_evaluations=zero,
            hessian_vector_products=zero,
            state={"path": state["path"] + move},
        )


def assert_same(first: SearchResult, second: SearchResult) -> None:
    """Equal bit for bit."""
    assert first.stop == second.stop
    for name in (
        "theta",
        "value",
        "gradient",
        "iterations",
        "gradient_evaluations",
        "hessian_vector_products",
        "relative_residual_max",
        "relative_residual_max_iteration",
        "ever_gradient_flat",
    ):
        one, other = getattr(first, name), getattr(second, name)
        assert torch.equal(one.nan_to_num(-1.0), other.nan_to_num(-1.0)), name
    for name in TRACES:
        one, other = first.traces[name], second.traces[name]
        assert torch.equal(one.nan_to_num(-1.0), other.nan_to_num(-1.0)), name


def test_histories_describe_the_iterates() -> None:
    starts = around_the_critical_point(5)

    found = search(quartic(), NewtonMr(), starts)

    values, gradients = quartic().gradient(starts)
    width = int(found.iterations.max()) + 1
    assert all(trace.shape == (5, width) for trace in found.traces.values())
    assert torch.equal(found.traces["loss"][:, 0], values)
    square = gradients.square().sum(1)
    assert torch.equal(found.traces["squared_gradient_norm"][:, 0], square)
    for run, last in enumerate(found.iterations.tolist()):
        assert found.traces["loss"][run, last] == found.value[run]
        assert found.traces["step_size"][run, :last].isfinite().all()
        assert found.traces["step_size"][run, last:].isnan().all()
        assert found.traces["loss"][run, last + 1 :].isnan().all()
        counts = found.traces["gradient_evaluations"][run, : last + 1]
        assert (counts.diff() > 0).all()
        assert counts[-1] == found.gradient_evaluations[run]


def test_the_gradient_norm_falls_at_every_step() -> None:
    found = search(quartic(), NewtonMr(), around_the_critical_point(20))

    falls = found.traces["squared_gradient_norm"].diff(dim=1)
    assert (falls[falls.isfinite()] < 0).all()


@pytest.mark.parametrize("dense_limit", [0, 2000])
def test_counts_are_those_of_the_objective(dense_limit: int) -> None:
    for start in torch.cat([around_the_critical_point(2), around_the_flat_point(1)]):
        counts = Counts()

        found = search(
            ObservedObjective(inner=quartic(), announce=counts),
            NewtonMr(),
            start[None],
            dense_limit=dense_limit,
        )

        assert int(found.gradient_evaluations) == counts.gradients
        if not dense_limit:
            assert int(found.hessian_vector_products) == counts.products


def test_counts_add_up_over_a_batch() -> None:
    counts = Counts()

    found = search(
        ObservedObjective(inner=quartic(), announce=counts),
        NewtonMr(),
        around_the_flat_point(20),
    )

    assert int(found.gradient_evaluations.sum()) == counts.gradients


def test_a_run_does_not_depend_on_its_companions() -> None:
    starts = torch.cat([around_the_critical_point(4), around_the_flat_point(2)])
    together = search(quartic(), NewtonMr(), starts)

    for run, start in enumerate(starts):
        alone = search(quartic(), NewtonMr(), start[None])

        assert alone.stop[0] is together.stop[run]
        torch.testing.assert_close(
            alone.theta[0], together.theta[run], rtol=1e-9, atol=1e-9
        )


def test_groups_within_a_memory_budget_give_the_same_result() -> None:
    starts = around_the_critical_point(9)
    counts = Counts()

    small = search(
        ObservedObjective(inner=quartic(), announce=counts),
        NewtonMr(),
        starts,
        memory_budget_bytes=2000,
    )

    assert max(counts.rows) < 9
    whole = search(quartic(), NewtonMr(), starts)
    torch.testing.assert_close(small.theta, whole.theta, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("stop_after", [1, 2, 5, 9])
def test_a_resumed_search_is_equal_number_for_number(stop_after: int) -> None:
    starts = torch.cat([around_the_critical_point(5), around_the_flat_point(3)])
    undisturbed = search(quartic(), NewtonMr(), starts)
    files: list[bytes] = []

    def observer(state: SearchState) -> bool:
        if state.iteration == stop_after:
            files.append(save(state.to_tensors()))
        return state.iteration < stop_after

    search(quartic(), NewtonMr(), starts, observer=observer)
    state = SearchState.from_tensors(load(files[0]))
    resumed = search(quartic(), NewtonMr(), starts, resume=state)

    assert_same(resumed, undisturbed)


def test_a_search_resumes_at_every_iteration() -> None:
    starts = around_the_critical_point(3)
    states: list[dict[str, Tensor]] = []

    def observer(state: SearchState) -> bool:
        states.append(state.to_tensors())
        return True

    undisturbed = search(quartic(), NewtonMr(), starts, observer=observer)

    assert len(states) >= int(undisturbed.iterations.max())
    for tensors in states:
        state = SearchState.from_tensors(tensors)
        assert_same(search(quartic(), NewtonMr(), starts, resume=state), undisturbed)


def test_the_state_of_other_starts_is_refused() -> None:
    states: list[SearchState] = []
    search(
        quartic(),
        NewtonMr(),
        around_the_critical_point(3),
        observer=lambda state: bool(states.append(state)),
    )

    with pytest.raises(ValueError, match="other starts"):
        search(quartic(), NewtonMr(), around_the_critical_point(4), resume=states[0])


def test_a_stop_that_is_asked_for_evaluates_where_it_stops() -> None:
    starts = around_the_critical_point(4)

    found = search(quartic(), NewtonMr(), starts, observer=lambda _: False)

    assert set(found.stop) == {StopReason.STOP_REQUESTED}
    assert (found.iterations == 1).all()
    value, gradient = quartic().gradient(found.theta)
    assert torch.equal(found.value, value)
    assert torch.equal(found.gradient, gradient)


def test_iterations_are_limited() -> None:
    found = search(
        quartic(), NewtonMr(), around_the_critical_point(4), max_iterations=3
    )

    assert set(found.stop) == {StopReason.MAX_ITERATIONS}
    assert (found.iterations == 3).all()


def test_a_start_that_is_not_finite_fails_alone() -> None:
    objective = FunctionObjective(
        function=lambda theta: (theta**2 - theta.log()).sum(1), parameters=2
    )
    starts = torch.tensor([[1.0, 2.0], [-1.0, 1.0], [0.3, 0.4]], dtype=torch.float64)

    found = search(objective, NewtonMr(), starts)

    assert found.stop[1] is StopReason.NON_FINITE_START
    assert found.iterations[1] == 0
    assert found.stop[0] is found.stop[2] is StopReason.CONVERGED
    expected = torch.full((2,), 0.5**0.5, dtype=torch.float64)
    torch.testing.assert_close(found.theta[0], expected)


def test_a_run_that_ceases_to_be_finite_says_so() -> None:
    objective = FunctionObjective(
        function=lambda theta: (theta**4).sum(1), parameters=1
    )
    start = torch.tensor([[1.0]], dtype=torch.float64)

    found = search(objective, Descent(fraction=-1e200), start)

    assert found.stop == (StopReason.NON_FINITE,)


def test_a_finder_keeps_its_own_memory_per_run() -> None:
    starts = around_the_critical_point(10)
    found_states: list[SearchState] = []

    def observer(state: SearchState) -> bool:
        found_states.append(state)
        return True

    found = search(quartic(), Descent(), starts, observer=observer)

    assert set(found.stop) == {StopReason.CONVERGED}
    path = found_states[-1].finder["path"]
    torch.testing.assert_close(starts + path, found.theta, rtol=1e-9, atol=1e-9)
    assert found.relative_residual_max.isnan().all()
    assert not found.ever_gradient_flat.any()


def test_a_converged_run_is_polished_to_the_floor() -> None:
    matrix = torch.diag(torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64))
    linear = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
    start = torch.tensor([[3.0, 2.0, -1.0]], dtype=torch.float64)

    found = search(quadratic(matrix, linear), Descent(), start)

    assert found.stop == (StopReason.CONVERGED,)
    assert found.gradient.square().sum() < 1e-28
    assert found.iterations < 70


def test_a_gradient_in_the_kernel_is_recognised() -> None:
    matrix = torch.diag(torch.tensor([3.0, 0.0], dtype=torch.float64))
    linear = torch.tensor([1.0, -0.5], dtype=torch.float64)
    start = torch.tensor([[3.0, 2.0]], dtype=torch.float64)

    found = search(quadratic(matrix, linear), NewtonMr(), start)

    assert found.stop == (StopReason.STATIONARY_GRADIENT_NORM,)
    torch.testing.assert_close(found.theta[0, 0], matrix.new_tensor(1 / 3))
    assert found.ever_gradient_flat
    assert found.iterations < 10
