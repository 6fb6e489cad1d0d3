from functools import partial

import pytest
import torch

from worker.datasets.randomness import generator
from worker.finders.base import Finder, StopReason
from worker.finders.damped_newton import DampedNewton
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search
from worker.finders.newton_mr import NewtonMr
from worker.networks import architectures, layers
from worker.networks.initialisation import initialise
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.starts.optimizers import gradient_descent
from worker.starts.trajectory import trajectory_starts


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("finder", "hessian", "success"),
    [
        (NewtonMr(), "auto", 0.6),
        (DampedNewton(), "auto", 0.9),
        (LevenbergMarquardt(), "exact", 1.0),
        (LevenbergMarquardt(), "krylov", 1.0),
    ],
)
def test_most_trajectory_starts_lead_to_an_analytic_critical_point(
    finder: Finder, hessian: HessianChoice, success: float
) -> None:
    samples = autoencoder_samples(input_size=16, samples=10_000, seed=0)
    objective = LinearAutoencoderObjective(x=samples.x, hidden_size=4)
    network = architectures.sequential(
        [
            layers.linear(16, 4, bias=False),
            layers.linear(4, 16, bias=False),
        ]
    )
    starts = trajectory_starts(
        objective,
        initialise(network, generator(0, "trajectory")),
        range(15),
        count=15,
        optimizer=partial(gradient_descent, learning_rate=0.01),
        steps=10_000,
        noise_variance=0.01,
        noisy_fraction=0.5,
        seed=0,
    )

    found = search(objective, finder, starts, max_iterations=500, hessian=hessian)

    converged = torch.tensor([stop is StopReason.CONVERGED for stop in found.stop])
    assert converged.double().mean() >= success
    theta = found.theta[converged]
    matches = objective.critical_points.nearest(found.value[converged], theta)
    eigenvalues = torch.linalg.eigvalsh(objective.linearise(theta).hessian.dense())
    for match, row in zip(matches, eigenvalues, strict=True):
        assert match.relative_loss_error < 1e-6
        assert match.point.negative_eigenvalues == int((row < -1e-5).sum())
