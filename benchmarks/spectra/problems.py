"""Trained networks, and all eigenvalues of their Hessians."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from benchmarks.hessians.networks import Network
from benchmarks.settings import Settings
from benchmarks.spectra.networks import small_networks
from worker.objectives.network import NetworkObjective

_TRAINING = {"full": 300, "quick": 60, "tiny": 2}
_MOMENTUM = 0.9


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A Hessian.

    Attributes:
        network: The network on its data.
        objective: Its mean loss.
        theta: The point, ``(1, parameters)``.
        matrix: The Hessian there, ``(parameters, parameters)``.
        eigenvalues: All of them, ascending, ``(parameters,)``.
    """

    network: Network
    objective: NetworkObjective
    theta: Tensor
    matrix: Tensor
    eigenvalues: Tensor

    def ends(self, top: int) -> Tensor:
        """So many of the smallest and of the largest eigenvalues, ascending."""
        return torch.cat([self.eigenvalues[:top], self.eigenvalues[-top:]])


def problems(settings: Settings) -> list[Problem]:
    """The Hessians whose spectra are measured."""
    return [_problem(each, settings) for each in small_networks(settings)]


def trained(network: Network, *, scale: float, steps: int, rate: float) -> Tensor:
    """A point on the way of gradient descent with momentum, ``(1, parameters)``.

    Args:
        network: The network on its data.
        scale: Of the point that it starts from.
        steps: Number of steps.
        rate: Learning rate.

    Returns:
        The point.
    """
    objective, theta = network.objective(), scale * network.points(1)
    velocity = torch.zeros_like(theta)
    for _ in range(steps):
        velocity = _MOMENTUM * velocity - rate * objective.gradient(theta)[1]
        theta = theta + velocity
    return theta


def _problem(network: Network, settings: Settings) -> Problem:
    objective = network.objective()
    steps = _TRAINING[settings.scale]
    theta = trained(network, scale=1.0, steps=steps, rate=0.05)
    matrix = objective.linearise(theta).hessian.dense()[0]
    return Problem(
        network=network,
        objective=objective,
        theta=theta,
        matrix=matrix,
        eigenvalues=torch.linalg.eigvalsh(matrix),
    )
