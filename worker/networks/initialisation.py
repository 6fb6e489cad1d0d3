"""Random initialisation by PyTorch's rules, with an explicit generator.

Draws are made in double precision, so that a start is the same point in every
precision.
"""

import math

import torch
from torch import Tensor, nn


def initialise(module: nn.Module, generator: torch.Generator) -> Tensor:
    """A random parameter vector.

    Weights and biases of linear and convolutional layers are uniform within
    ``1 / sqrt(fan_in)``; normalisations start as the identity.

    Args:
        module: The network.
        generator: Where the draws come from.

    Returns:
        A flat vector ``(parameters,)`` in float64, in the module's order.
    """
    pieces = [
        _draw(layer, name, parameter, generator).flatten()
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
    ]
    return torch.cat(pieces)


def _draw(
    layer: nn.Module, name: str, parameter: nn.Parameter, generator: torch.Generator
) -> Tensor:
    if isinstance(layer, nn.LayerNorm):
        fill = torch.ones if name == "weight" else torch.zeros
        return fill(parameter.shape, dtype=torch.float64)
    if isinstance(layer, nn.Linear | nn.Conv2d):
        bound = 1.0 / math.sqrt(math.prod(layer.weight.shape[1:]))
        return torch.empty(parameter.shape, dtype=torch.float64).uniform_(
            -bound, bound, generator=generator
        )
    raise TypeError(f"no initialisation rule for {type(layer).__name__}")
