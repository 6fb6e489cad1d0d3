"""Networks as templates: modules whose parameters have names and shapes, no values."""

import itertools
from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from typing_extensions import override

from worker.networks.activations import ACTIVATIONS, activation_name
from worker.networks.layers import linear


@final
class Mlp(nn.Module):
    """Dense layers with one activation between them and none after the last.

    Attributes:
        layers: The dense layers.
        activation: Name of the activation.
        bias: Whether every layer adds a bias.
    """

    def __init__(self, sizes: Sequence[int], activation: str, *, bias: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            linear(inputs, outputs, bias=bias)
            for inputs, outputs in itertools.pairwise(sizes)
        )
        self.between = ACTIVATIONS[activation].module()
        self.activation = activation
        self.bias = bias

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, sizes[-1])`` for inputs ``(n, sizes[0])``."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.between(layer(x))
        return last(x)


def mlp(sizes: Sequence[int], activation: str, *, bias: bool = True) -> Mlp:
    """A fully connected network with the given widths, inputs first."""
    return Mlp(sizes, activation, bias=bias)


def sequential(layers: Sequence[nn.Module]) -> nn.Sequential:
    """A network that applies layers in order."""
    return nn.Sequential(*layers)


def nonsmooth_layers(module: nn.Module) -> list[str]:
    """Names of the kinds of layers that are not twice differentiable everywhere.

    Args:
        module: A network.

    Returns:
        Kinds in alphabetic order. ``elu`` counts: its second derivative jumps at zero.
    """
    kinds: set[str] = set()
    for layer in module.modules():
        name = activation_name(layer)
        if name is not None and not ACTIVATIONS[name].smooth:
            kinds.add(name)
        elif isinstance(layer, nn.MaxPool2d):
            kinds.add("max_pool2d")
    return sorted(kinds)
