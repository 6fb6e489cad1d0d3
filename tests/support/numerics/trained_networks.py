"""Hessians of small networks on shipped images, before and after training."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from worker.datasets.sources import builtin
from worker.networks import layers
from worker.networks.activations import activation
from worker.networks.architectures import mlp, sequential
from worker.objectives.network import NetworkObjective


def _convolutions() -> nn.Module:
    return sequential(
        [
            layers.conv2d(1, 6, kernel_size=3, padding=1),
            activation("tanh"),
            layers.avg_pool2d(kernel_size=2),
            layers.conv2d(6, 6, kernel_size=3, padding=1),
            activation("tanh"),
            layers.avg_pool2d(kernel_size=2),
            layers.flatten(),
            layers.linear(24, 10),
        ]
    )


def _attention() -> nn.Module:
    return sequential(
        [
            layers.linear(8, 12),
            layers.Residual([layers.attention(12, 2)]),
            layers.layer_norm([12]),
            layers.mean_positions(),
            layers.linear(12, 10),
        ]
    )


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense, smooth": (lambda: mlp([64, 12, 10, 10], "tanh"), (64,)),
    "dense, ReLU": (lambda: mlp([64, 12, 10, 10], "relu"), (64,)),
    "convolutions": (_convolutions, (1, 8, 8)),
    "attention": (_attention, (8, 8)),
}
"""How each is made, and the shape that it takes images in."""


@cache
def trained_hessian(name: str, steps: int) -> Tensor:
    """The Hessian after steps of gradient descent with momentum, ``(size, size)``."""
    samples = builtin("digits")
    if samples.y is None:
        raise ValueError("digits have no classes")
    make, shape = NETWORKS[name]
    x = samples.x[:200].to(torch.float64).view(-1, *shape) / 16
    objective = NetworkObjective(
        module=make(), x=x, y=samples.y[:200].long(), loss="cross_entropy"
    )
    generator = torch.Generator().manual_seed(0)
    theta = 0.2 * torch.randn(
        1, objective.parameters, generator=generator, dtype=torch.float64
    )
    momentum = torch.zeros_like(theta)
    for _ in range(steps):
        momentum = 0.9 * momentum + objective.gradient(theta)[1]
        theta = theta - 0.05 * momentum
    return objective.linearise(theta).hessian.dense()[0]
