"""Random initialisation by PyTorch's rules, with an explicit generator.

Draws are made in double precision, so that a start is the same point in every
precision.
"""

import math

import torch
from torch import Tensor, nn

from worker.networks.normalisations import BatchNorm
from worker.networks.sequences import Attention, OutputProjection


def initialise(module: nn.Module, generator: torch.Generator) -> Tensor:
    """A random parameter vector.

    Weights and biases of linear and convolutional layers are uniform within
    ``1 / sqrt(fan_in)``, embeddings standard normal, attention's first weight
    uniform by Glorot's rule and its biases zero; normalisations start as the identity.

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
    empty = torch.empty(parameter.shape, dtype=torch.float64)
    if isinstance(layer, nn.LayerNorm | nn.GroupNorm | BatchNorm):
        return empty.fill_(1.0 if name == "weight" else 0.0)
    if isinstance(layer, nn.Embedding):
        return empty.normal_(generator=generator)
    if isinstance(layer, Attention | OutputProjection) and name.endswith("bias"):
        return empty.zero_()
    if isinstance(layer, Attention):
        bound = math.sqrt(6.0 / sum(parameter.shape))
    elif isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
        bound = 1.0 / math.sqrt(math.prod(layer.weight.shape[1:]))
    else:
        raise TypeError(f"no initialisation rule for {type(layer).__name__}")
    return empty.uniform_(-bound, bound, generator=generator)
