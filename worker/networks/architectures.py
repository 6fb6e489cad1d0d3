"""Networks as templates: modules whose parameters have names and shapes, no values."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    """

    def __init__(self, sizes: Sequence[int], activation: str, *, bias: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            linear(inputs, outputs, bias=bias)
            for inputs, outputs in itertools.pairwise(sizes)
        )
        self.between = ACTIVATIONS[activation].module()
        self.activation = activation

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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """An affine map and the activation of its outputs.

    Attributes:
        weight: Name of its weight, ``(outputs, inputs)``.
        bias: Name of its bias; None where there is none.
        activation: Name of the activation.
    """

    weight: str
    bias: str | None
    activation: str


def dense_layers(module: nn.Module, *, vectors: bool) -> list[DenseLayer] | None:
    """The layers of a fully connected network.

    Args:
        module: A network.
        vectors: Whether its inputs are vectors, not images that it must flatten.

    Returns:
        Dense layers with at most one activation after each and none after the last;
        None for any other network.
    """
    if isinstance(module, Mlp):
        layers = [
            _dense_layer(f"layers.{name}.", layer, module.activation)
            for name, layer in module.layers.named_children()
        ]
        return [*layers[:-1], replace(layers[-1], activation="identity")]
    if not isinstance(module, nn.Sequential):
        return None
    children = [(str(i), child) for i, child in enumerate(module)]
    if isinstance(module[0], nn.Flatten):
        children, vectors = children[1:], True
    return _pair_up(children) if vectors else None


def _pair_up(children: Sequence[tuple[str, nn.Module]]) -> list[DenseLayer] | None:
    """Dense layers with the activations that follow them, if there is nothing else."""
    layers: list[DenseLayer] = []
    bare = False  # whether the layer before has no activation yet
    for name, child in children:
        if isinstance(child, nn.Linear):
            layers.append(_dense_layer(f"{name}.", child, "identity"))
        elif bare and (kind := activation_name(child)) is not None:
            layers[-1] = replace(layers[-1], activation=kind)
        else:
            return None
        bare = isinstance(child, nn.Linear)
    return layers if bare else None


def _dense_layer(prefix: str, layer: nn.Module, activation: str) -> DenseLayer:
    bias = dict(layer.named_parameters()).get("bias")
    return DenseLayer(
        weight=f"{prefix}weight",
        bias=None if bias is None else f"{prefix}bias",
        activation=activation,
    )


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
        elif isinstance(layer, nn.MaxPool1d):
            kinds.add("max_pool1d")
        elif isinstance(layer, nn.MaxPool2d):
            kinds.add("max_pool2d")
    return sorted(kinds)
