from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.numerics.objectives import FunctionObjective, quadratic, quartic
from worker.errors import RunError
from worker.starts.optimizers import Update, adam, gradient_descent, momentum
from worker.starts.trajectory import (
    TrainingStopped,
    is_noisy,
    steps_at_levels,
    trajectory_starts,
)

RATE = 0.01
INITIAL = torch.tensor([-7.0, 2.0], dtype=torch.float64)
RULES: dict[str, Callable[[], Update]] = {
    "gradient_descent": lambda: gradient_descent(learning_rate=RATE),
    "momentum": lambda: momentum(learning_rate=RATE, momentum=0.9),
    "adam": lambda: adam(learning_rate=RATE),
}


def along(
    indices: list[int],
    *,
    count: int = 10,
    rule: str = "gradient_descent",
    noisy_fraction: float = 0.0,
    kept_bytes: int = 2**20,
    steps: int = 200,
) -> Tensor:
    return trajectory_starts(
        quartic(),
        INITIAL,
        indices,
        count=count,
        optimizer=RULES[rule],
        steps=steps,
        noise_variance=0.01,
        noisy_fraction=noisy_fraction,
        seed=5,
        kept_bytes=kept_bytes,
    )


@pytest.mark.parametrize("rule", RULES)
def test_updates_are_those_of_torch(rule: str) -> None:
    parameter = INITIAL.clone().requires_grad_()
    optimizer = {
        "gradient_descent": torch.optim.SGD([parameter], lr=RATE),
        "momentum": torch.optim.SGD([parameter], lr=RATE, momentum=0.9),
        "adam": torch.optim.Adam([parameter], lr=RATE),
    }[rule]
    theta, update = INITIAL, RULES[rule]()

    for _ in range(50):
        parameter.grad = quartic().gradient(parameter.detach()[None])[1][0]
        optimizer.step()
        theta = update(theta, quartic().gradient(theta[None])[1][0])

    torch.testing.assert_close(theta, parameter.detach(), rtol=1e-12, atol=1e-12)


def test_losses_are_equidistant() -> None:
    losses = quartic().value(along(list(range(10)), steps=1000))

    first = quartic().value(INITIAL[None])
    last = quartic().value(torch.tensor([[-3.0, 0.0]], dtype=torch.float64))
    shares = (torch.arange(10, dtype=torch.float64) + 0.5) / 10
    # A step of the training passes over much of the loss at the beginning.
    expected = first - shares * (first - last)
    gaps = steepest_fall(INITIAL)
    assert ((losses - expected).abs() <= gaps).all()


def steepest_fall(theta: Tensor) -> Tensor:
    """The largest fall of the loss in one step of gradient descent."""
    update = RULES["gradient_descent"]()
    losses: list[Tensor] = []
    for _ in range(200):
        loss, gradient = quartic().gradient(theta[None])
        losses.append(loss[0])
        theta = update(theta, gradient[0])
    return -torch.stack(losses).diff().min()


@pytest.mark.parametrize("rule", RULES)
def test_a_trajectory_that_is_too_large_is_run_twice(rule: str) -> None:
    kept = along(list(range(10)), rule=rule)

    assert torch.equal(along(list(range(10)), rule=rule, kept_bytes=0), kept)


def test_every_shard_gets_its_own_starts() -> None:
    whole = along(list(range(10)), noisy_fraction=0.5)

    shards = [along([0, 1, 2], noisy_fraction=0.5), along([7, 3], noisy_fraction=0.5)]

    assert torch.equal(torch.cat(shards), whole[[0, 1, 2, 7, 3]])


def test_half_of_the_starts_are_noisy() -> None:
    clean = along(list(range(200)), count=200)
    noisy = along(list(range(200)), count=200, noisy_fraction=0.5)

    difference = noisy - clean
    assert torch.equal(difference[::2], torch.zeros_like(difference[::2]))
    assert 0.008 < difference[1::2].var() < 0.012


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_noise_is_spread_evenly(fraction: float) -> None:
    noisy = [is_noisy(index, fraction) for index in range(100)]

    assert sum(noisy) == pytest.approx(100 * fraction, abs=1)
    tens = [sum(noisy[first : first + 10]) for first in range(0, 100, 10)]
    assert max(tens) - min(tens) <= 1


def test_the_nearest_step_is_taken_also_where_the_loss_rises() -> None:
    losses = torch.tensor([10.0, 4.0, 6.5, 2.0, 0.0, 0.4])

    chosen = steps_at_levels(losses, 4)

    # Levels 8.75, 6.25, 3.75, 1.25.
    assert chosen.tolist() == [0, 2, 1, 3]


def test_a_constant_loss_has_starts_too() -> None:
    flat = quadratic(
        torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    )

    found = trajectory_starts(
        flat,
        INITIAL,
        range(3),
        count=3,
        optimizer=RULES["adam"],
        steps=5,
        noise_variance=0.01,
        noisy_fraction=0.0,
        seed=0,
    )

    assert torch.equal(found, INITIAL.expand(3, 2))


def test_diverging_training_is_an_error_of_the_run() -> None:
    objective = FunctionObjective(
        function=lambda theta: (theta**4).sum(1), parameters=2
    )

    with pytest.raises(RunError, match="at step") as caught:
        trajectory_starts(
            objective,
            INITIAL,
            [0],
            count=1,
            optimizer=lambda: gradient_descent(learning_rate=10.0),
            steps=100,
            noise_variance=0.0,
            noisy_fraction=0.0,
            seed=0,
        )
    assert caught.value.code == "training_diverged"


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
def test_training_tells_its_steps_and_can_be_stopped(kept_bytes: int) -> None:
    heard: list[tuple[int, int]] = []

    def on_step(done: int, total: int) -> bool:
        heard.append((done, total))
        return done < 30

    with pytest.raises(TrainingStopped):
        trajectory_starts(
            quartic(),
            INITIAL,
            [0],
            count=1,
            optimizer=RULES["momentum"],
            steps=50,
            noise_variance=0.0,
            noisy_fraction=0.0,
            seed=0,
            on_step=on_step,
            kept_bytes=kept_bytes,
        )

    total = 50 if kept_bytes else 100
    assert heard == [(done, total) for done in range(31)]
