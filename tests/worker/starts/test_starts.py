from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from worker.starts.box import box_starts
from worker.starts.explicit import explicit_starts
from worker.starts.random import random_starts
from worker.starts.weights import weights_starts

POINTS = torch.arange(12, dtype=torch.float64).view(3, 4)


def draw(generator: torch.Generator) -> Tensor:
    return torch.randn(4, generator=generator, dtype=torch.float64)


STARTS: dict[str, Callable[[Sequence[int], int], Tensor]] = {
    "weights": lambda indices, seed: weights_starts(
        POINTS, indices, seed=seed, noise_variance=0.3
    ),
    "random": lambda indices, seed: random_starts(draw, indices, seed=seed),
    "box": lambda indices, seed: box_starts(
        [0.0, -1.0], [1.0, 5.0], indices, seed=seed
    ),
}


@pytest.mark.parametrize("kind", STARTS)
def test_a_start_depends_on_its_number_and_the_seed_alone(kind: str) -> None:
    whole = STARTS[kind](range(20), 1)

    assert torch.equal(STARTS[kind]([13, 4, 7], 1), whole[[13, 4, 7]])
    assert torch.equal(STARTS[kind](range(20), 1), whole)
    assert not torch.equal(STARTS[kind](range(20), 2), whole)
    assert len(whole.unique(dim=0)) == 20


def test_uploaded_points_are_taken_in_turn() -> None:
    found = weights_starts(POINTS, range(2, 8), seed=0)

    assert torch.equal(found, POINTS[[2, 0, 1, 2, 0, 1]])


def test_noise_has_the_variance_asked_for() -> None:
    found = weights_starts(
        torch.zeros(1, 50, dtype=torch.float64), range(200), seed=0, noise_variance=0.25
    )

    assert found.var() == pytest.approx(0.25, rel=0.05)
    assert abs(found.mean()) < 0.02


def test_noise_keeps_the_precision_of_the_points() -> None:
    double = weights_starts(POINTS, range(3), seed=0, noise_variance=0.1)
    single = weights_starts(POINTS.float(), range(3), seed=0, noise_variance=0.1)

    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=1e-6, atol=1e-6)


def test_points_written_out_are_taken_as_they_are() -> None:
    found = explicit_starts([[1.0, 2.0], [3.0, 4.0], [0.1, 0.2]], [2, 0])

    assert found.tolist() == [[0.1, 0.2], [1.0, 2.0]]
    assert found.dtype == torch.float64


def test_a_box_is_filled_evenly() -> None:
    found = box_starts([0.0, -1.0], [1.0, 5.0], range(4000), seed=3)

    shares = (found - found.new_tensor([0.0, -1.0])) / found.new_tensor([1.0, 6.0])
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    counts = torch.histc(shares.float().flatten(), bins=10, min=0, max=1)
    assert ((counts - 800).abs() < 120).all()
