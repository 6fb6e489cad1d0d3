import itertools

import pytest
import torch
from torch import Tensor

from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)


def objective(k: int, hidden: int, n: int) -> LinearAutoencoderObjective:
    x = autoencoder_samples(input_size=k, samples=n, seed=1).x
    return LinearAutoencoderObjective(x=x, hidden_size=hidden)


def moved(theta: Tensor, k: int, hidden: int, chosen: int) -> list[Tensor]:
    """The point in another basis of hidden units, and with encoder rows that idle."""
    generator = torch.Generator().manual_seed(k + hidden + chosen)
    encoder, decoder = theta.chunk(2)
    encoder, decoder = encoder.view(hidden, k), decoder.view(k, hidden)
    mixing = torch.randn(hidden, hidden, generator=generator, dtype=torch.float64)
    basis = torch.eye(hidden, dtype=torch.float64) + 0.4 * mixing / hidden**0.5
    idle = encoder.clone()
    weights = torch.randn(
        hidden - chosen, chosen, generator=generator, dtype=torch.float64
    )
    idle[chosen:] = weights @ encoder[:chosen]
    mixed = torch.cat(
        [
            (basis @ idle).flatten(),
            (decoder @ torch.linalg.inv(basis)).flatten(),
        ]
    )
    return [theta, torch.cat([idle.flatten(), decoder.flatten()]), mixed]


@pytest.mark.parametrize(
    ("k", "hidden", "n"),
    [(4, 2, 100), (5, 3, 50), (3, 4, 50), (6, 2, 4), (4, 4, 3), (16, 1, 1000)],
)
def test_every_class_is_critical_with_its_loss_and_index(
    k: int, hidden: int, n: int
) -> None:
    problem = objective(k, hidden, n)
    classes = problem.critical_points
    rank = min(k, n - 1)
    for chosen in range(min(hidden, rank) + 1):
        for vectors in itertools.combinations(range(rank), chosen):
            expected = classes.point(vectors)
            start = classes.representative(vectors)
            theta = torch.stack(moved(start, k, hidden, chosen))
            point = problem.linearise(theta)
            assert point.gradient.abs().max() < 1e-12
            eigenvalues = torch.linalg.eigvalsh(point.hessian.dense())
            negative = (eigenvalues < -1e-9).sum(1)
            assert negative.tolist() == [expected.negative_eigenvalues] * 3
            for match in classes.nearest(point.value, theta):
                assert match.point == expected
                assert match.relative_loss_error < 1e-12


def test_zero_is_a_saddle_with_half_of_all_directions_down() -> None:
    problem = objective(16, 4, 10_000)
    origin = problem.critical_points.point(())
    assert origin.negative_eigenvalues == problem.parameters // 2
    assert origin.loss == pytest.approx(8.5, rel=0.02)
    assert origin.loss == pytest.approx(problem.value(torch.zeros(1, 128).double()))
    best = problem.critical_points.point(range(4))
    assert best.negative_eigenvalues == 0


def test_nearest_to_points_that_are_not_critical() -> None:
    problem = objective(5, 2, 100)
    theta = torch.full((1, 20), 40.0, dtype=torch.float64)
    (match,) = problem.critical_points.nearest(problem.value(theta), theta)
    assert match.relative_loss_error > 1.0
    assert len(match.point.eigenvectors) <= 2
