"""The deep linear autoencoder and its starts, as the reference results have them."""

from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor

from benchmarks.settings import Settings
from worker.datasets.randomness import generator
from worker.networks.architectures import mlp
from worker.networks.initialisation import initialise
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.network import NetworkObjective
from worker.starts.optimizers import gradient_descent
from worker.starts.trajectory import trajectory_starts

INPUTS, HIDDEN = 16, 4
SEED = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One loss in two forms.

    Attributes:
        x: The data, ``(n, 16)``.
        network: The loss as a network's, which reads all the data.
        moments: The same loss through the second moments of the data.
    """

    x: Tensor
    network: NetworkObjective
    moments: LinearAutoencoderObjective

    @classmethod
    def build(cls, settings: Settings, *, samples: int) -> "Problem":
        """The problem with so many samples."""
        drawn = autoencoder_samples(input_size=INPUTS, samples=samples, seed=SEED)
        x = drawn.x.to(settings.device)
        return cls(
            x=x,
            network=NetworkObjective(
                module=_network(), x=x, y=x, loss="mse", memory_budget_bytes=2**30
            ),
            moments=LinearAutoencoderObjective(x=x, hidden_size=HIDDEN),
        )

    def starts(self, count: int, *, steps: int) -> Tensor:
        """Points uniform in loss along one training run, every other one noisy.

        Args:
            count: Number of starts.
            steps: Of the training run.

        Returns:
            Starts, ``(count, 128)``; the first has the largest loss.
        """
        initial = initialise(_network(), generator(SEED, "trajectory"))
        return trajectory_starts(
            self.moments,
            initial.to(self.x),
            range(count),
            count=count,
            optimizer=partial(gradient_descent, learning_rate=0.01),
            steps=steps,
            noise_variance=0.01,
            noisy_fraction=0.5,
            seed=SEED,
        )


def _network() -> torch.nn.Module:
    return mlp([INPUTS, HIDDEN, INPUTS], "identity", bias=False)
