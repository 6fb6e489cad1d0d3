import pytest
import torch
from torch import Tensor

from worker.finders.base import Point, Step
from worker.finders.gradient_norm import GradientNorm
from worker.finders.loop.stopping import Monitor, StoppingRules
from worker.linalg.operators import DenseOperator

RULES = StoppingRules(
    squared_gradient_norm_cutoff=1e-10,
    polish_patience=4,
    stagnation_factor=0.995,
    stagnation_patience=10,
)


def falls(values: list[float]) -> int | None:
    """The position at which the rules stop a run with these ``|g|^2``."""
    monitor: Monitor = RULES.start(torch.zeros(1, 3, dtype=torch.float64))
    for position, value in enumerate(values):
        if RULES.fallen(torch.tensor([value], dtype=torch.float64), monitor):
            return position
    return None


def test_a_run_below_the_cutoff_is_polished_while_it_falls() -> None:
    falling = [10.0**-exponent for exponent in range(8, 30, 2)]

    assert falls(falling) is None
    assert falls([*falling, *4 * [1e-28]]) == len(falling) + 3


def test_rounding_errors_above_the_cutoff_end_a_run_early() -> None:
    monitor = RULES.start(torch.zeros(1, 3, dtype=torch.float32))
    ended: list[bool] = []
    for _ in range(6):
        ended.append(bool(RULES.fallen(torch.tensor([1e-9]), monitor)))
        monitor["floor"] = torch.tensor([2e-9])

    assert ended == [False, False, False, False, True, True]


def test_a_gradient_of_zero_ends_at_once() -> None:
    assert falls([1.0, 0.0]) == 1


def test_crossing_the_cutoff_renews_the_patience() -> None:
    assert falls([*9 * [1e-9], 9e-11, 8e-11, 7e-11, 6e-11]) is None


def test_slow_progress_above_the_cutoff_is_not_stagnation() -> None:
    assert falls([0.999**iteration for iteration in range(200)]) is None


def test_no_progress_above_the_cutoff_is() -> None:
    assert falls([1.0, *20 * [0.9999999]]) == 10


def test_each_run_is_judged_for_itself() -> None:
    monitor = RULES.start(torch.zeros(2, 3, dtype=torch.float64))
    values: list[Tensor] = []
    for iteration in range(11):
        square = torch.tensor([1.0, 0.5**iteration], dtype=torch.float64)
        values.append(RULES.fallen(square, monitor))

    assert torch.stack(values).tolist()[-1] == [True, False]


def near_a_flat_point(image: float, dtype: torch.dtype) -> tuple[Point, Step]:
    """A gradient of length one, ``|H|`` one, and ``|H g|`` as given."""
    theta = torch.ones(1, 2, dtype=dtype)
    gradient = torch.tensor([[1.0, 0.0]], dtype=dtype)
    one = torch.ones(1, dtype=dtype)
    zero = torch.zeros(1, dtype=torch.int64)
    point = Point(
        theta=theta,
        value=one,
        gradient=gradient,
        squared_gradient_norm=one,
        hessian=DenseOperator(matrices=torch.eye(2, dtype=dtype)[None]),
        hessian_gradient=image * gradient,
        frobenius_norm=one,
    )
    step = Step(
        theta=theta,
        accepted=torch.tensor([True]),
        step_size=one,
        relative_residual=one,
        relative_residual_krylov=one,
        hessian_norm=one,
        gradient_evaluations=zero,
        hessian_vector_products=zero,
        state={},
    )
    return point, step


def test_growing_flatness_is_progress() -> None:
    """Near a gradient-flat point only ``|H g|`` still falls."""
    monitor = RULES.start(torch.ones(1, 2, dtype=torch.float64))
    images = [*(0.9**iteration for iteration in range(60)), *20 * [0.9**60]]
    ended: list[bool] = []
    for image in images:
        point, step = near_a_flat_point(image, torch.float64)
        ended.append(bool(RULES.fallen(point.squared_gradient_norm, monitor)))
        assert not RULES.stationary(point, step, monitor)

    assert not any(ended[:60])
    assert any(ended[60:71])


@pytest.mark.parametrize(
    ("dtype", "image"), [(torch.float64, 5e-7), (torch.float32, 5e-4)]
)
def test_a_gradient_stays_in_the_kernel_for_a_while(
    dtype: torch.dtype, image: float
) -> None:
    monitor = RULES.start(torch.ones(1, 2, dtype=dtype))
    point, step = near_a_flat_point(image, dtype)

    ended = [bool(RULES.stationary(point, step, monitor)) for _ in range(5)]

    assert ended == [False, False, False, False, True]


def test_patience_is_the_finders() -> None:
    rules = StoppingRules.of(GradientNorm(), squared_gradient_norm_cutoff=1e-10)

    assert rules.stagnation_patience == 1000
    assert rules.polish_patience == 40
