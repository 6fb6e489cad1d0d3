"""Stages of the layers of a sequential network."""

import math
from collections.abc import Sequence
from typing import final

from torch import nn

from worker.networks.activations import ACTIVATIONS, activation_name
from worker.networks.layers import Residual
from worker.objectives.assembly.normalisation import Normalisation
from worker.objectives.assembly.sequences import Fork, Node
from worker.objectives.assembly.stages import (
    Affine,
    AveragePool,
    MaximumPool,
    Pointwise,
    Stage,
)
from worker.objectives.assembly.windows import Windows

Shape = tuple[int, ...]


def sequence_stages(module: nn.Module, shape: Shape) -> list[Node] | None:
    """Stages of a network, layer by layer.

    Args:
        module: The network.
        shape: Of one sample.

    Returns:
        The stages; None if they are not known of one of its layers.
    """
    if not isinstance(module, nn.Sequential):
        return None
    try:
        nodes, _ = _sequence(module, "", shape)
    except _UnknownLayerError:
        return None
    return nodes


@final
class _UnknownLayerError(Exception):
    """A layer has no stage."""


def _sequence(
    modules: nn.Sequential, prefix: str, shape: Shape
) -> tuple[list[Node], Shape]:
    nodes: list[Node] = []
    for number, module in enumerate(modules):
        more, shape = _nodes(module, f"{prefix}{number}.", shape)
        nodes += more
    return nodes, shape


def _nodes(module: nn.Module, prefix: str, shape: Shape) -> tuple[list[Node], Shape]:
    """Stages of a module and the shape of its outputs."""
    if isinstance(module, nn.Sequential):
        return _sequence(module, prefix, shape)
    if isinstance(module, Residual):
        layers, after = _sequence(module.layers, f"{prefix}layers.", shape)
        shortcut, _ = _sequence(module.shortcut, f"{prefix}shortcut.", shape)
        return [Fork(layers=layers, shortcut=shortcut)], after
    if isinstance(module, nn.Flatten):
        if (module.start_dim, module.end_dim) != (1, -1):
            raise _UnknownLayerError
        return [], (math.prod(shape),)
    stage, after = _stage(module, prefix, shape)
    return [stage], after


def _stage(module: nn.Module, prefix: str, shape: Shape) -> tuple[Stage, Shape]:
    if (name := activation_name(module)) is not None:
        return Pointwise(activation=ACTIVATIONS[name]), shape
    if isinstance(module, nn.LayerNorm) and tuple(module.normalized_shape) == shape:
        stage = Normalisation(
            weight=_name(module, prefix, "weight"),
            bias=_name(module, prefix, "bias"),
            eps=module.eps,
        )
        return stage, shape
    if isinstance(module, nn.Linear) and len(shape) == 1:
        stage = Affine(
            weight=f"{prefix}weight",
            bias=_name(module, prefix, "bias"),
            windows=None,
        )
        return stage, (module.out_features,)
    if len(shape) == len(("channels", "height", "width")):
        return _image_stage(module, prefix, shape)
    raise _UnknownLayerError


def _image_stage(module: nn.Module, prefix: str, shape: Shape) -> tuple[Stage, Shape]:
    match module:
        case nn.Conv2d(groups=1, dilation=(1, 1), padding_mode="zeros"):
            windows = _windows(module, shape)
            stage = Affine(
                weight=f"{prefix}weight",
                bias=_name(module, prefix, "bias"),
                windows=windows,
            )
            return stage, (module.out_channels, *windows.places)
        case nn.AvgPool2d(ceil_mode=False, count_include_pad=True):
            windows = _windows(module, shape)
            return AveragePool(windows=windows), (shape[0], *windows.places)
        case nn.MaxPool2d(ceil_mode=False, dilation=1):
            windows = _windows(module, shape)
            return MaximumPool(windows=windows), (shape[0], *windows.places)
        case _:
            raise _UnknownLayerError


def _windows(module: nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d, shape: Shape) -> Windows:
    if isinstance(module.padding, str):
        raise _UnknownLayerError
    channels, height, width = shape
    return Windows(
        image=(channels, height, width),
        kernel=_pair(module.kernel_size),
        stride=_pair(module.stride),
        padding=_pair(module.padding),
    )


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def _name(module: nn.Module, prefix: str, parameter: str) -> str | None:
    return None if getattr(module, parameter) is None else f"{prefix}{parameter}"
