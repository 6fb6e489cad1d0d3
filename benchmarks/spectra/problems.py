"""Trained networks, and all eigenvalues of their Hessians."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from benchmarks.hessians.networks import Network, spectrum_networks
from benchmarks.settings import Settings
from worker.objectives.network import NetworkObjective

_TRAINING = {"full": 300, "quick": 60, "tiny": 2}
_RATE, _MOMENTUM = 0.05, 0.9


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
    return [_trained(each, settings) for each in spectrum_networks(settings)]


def _trained(network: Network, settings: Settings) -> Problem:
    """By gradient descent with momentum."""
    objective = network.objective()
    theta = network.points(1)
    velocity = torch.zeros_like(theta)
    for _ in range(_TRAINING[settings.scale]):
        velocity = _MOMENTUM * velocity - _RATE * objective.gradient(theta)[1]
        theta = theta + velocity
    matrix = objective.linearise(theta).hessian.dense()[0]
    return Problem(
        network=network,
        objective=objective,
        theta=theta,
        matrix=matrix,
        eigenvalues=torch.linalg.eigvalsh(matrix),
    )
