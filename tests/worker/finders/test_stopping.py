import torch
from torch import Tensor

from worker.finders.stopping import Monitor, StoppingRules

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
