import torch
from hypothesis import given, settings, strategies

from tests.support.numerics.objectives import Counts, quartic
from tests.support.numerics.points import point_at
from worker.finders.fan import best_of_fan
from worker.objectives.observed import ObservedObjective


@settings(deadline=None, max_examples=25)
@given(
    x=strategies.floats(-8, 8),
    y=strategies.floats(-8, 8),
    share=strategies.floats(0.01, 0.5),
    seed=strategies.integers(0, 100),
)
def test_an_accepted_step_is_the_best_of_its_round_and_decreases_enough(
    x: float, y: float, share: float, seed: int
) -> None:
    objective = quartic()
    point = point_at(objective, torch.tensor([[x, y]], dtype=torch.float64))
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(4, 1, 2, generator=generator, dtype=torch.float64)

    found = best_of_fan(
        objective,
        point,
        directions,
        factor=0.5,
        sufficient_decrease=share,
        max_rounds=8,
    )

    old = point.squared_gradient_norm
    for rounds in range(8):
        alpha = 0.5**rounds
        trials = point.theta + alpha * directions[:, 0]
        square = objective.gradient(trials)[1].square().sum(1)
        if square.min() <= (1 - share * alpha) * old:
            assert found.accepted
            assert found.step_size == alpha
            assert torch.equal(found.theta[0], trials[square.argmin()])
            assert found.gradient_evaluations == 4 * (rounds + 1)
            return
    assert not found.accepted
    assert torch.equal(found.theta, point.theta)
    assert found.gradient_evaluations == 32


def test_runs_that_are_done_are_not_evaluated_again() -> None:
    starts = torch.tensor([[-3.1, 0.1], [1.4, 0.0]], dtype=torch.float64)
    point = point_at(quartic(), starts)
    directions = (torch.tensor([-3.0, 0.0]) - starts).expand(3, 2, 2).clone()
    directions[:, 1] = 100.0
    counts = Counts()
    observed = ObservedObjective(inner=quartic(), announce=counts)

    found = best_of_fan(
        observed, point, directions, factor=0.5, sufficient_decrease=0.1, max_rounds=3
    )

    assert found.accepted.tolist() == [True, False]
    assert counts.rows == [6, 3, 3]
    assert found.gradient_evaluations.tolist() == [3, 9]


def test_trials_that_are_not_finite_lose() -> None:
    point = point_at(quartic(), torch.tensor([[-3.1, 0.1]], dtype=torch.float64))
    good = torch.tensor([-3.0, 0.0], dtype=torch.float64) - point.theta
    directions = torch.stack([good * torch.nan, good, good * torch.inf])

    found = best_of_fan(
        quartic(), point, directions, factor=0.5, sufficient_decrease=0.1, max_rounds=1
    )

    assert found.accepted
    assert torch.equal(found.theta, point.theta + good)
