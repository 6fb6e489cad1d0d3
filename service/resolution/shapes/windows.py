"""Shapes after layers that look at windows: convolutions and pools."""

import math
from collections.abc import Sequence

from service.resolution.parameters import Shape, pair
from service.resolution.shapes.fit import Notes, Step
from service.schemas.architectures import (
    AdaptiveAvgPool1dLayer,
    AdaptiveAvgPool2dLayer,
    AvgPool1dLayer,
    AvgPool2dLayer,
    Conv1dLayer,
    Conv2dLayer,
    MaxPool1dLayer,
    MaxPool2dLayer,
)

Convolution = Conv1dLayer | Conv2dLayer
Pool = MaxPool1dLayer | MaxPool2dLayer | AvgPool1dLayer | AvgPool2dLayer
AdaptivePool = AdaptiveAvgPool1dLayer | AdaptiveAvgPool2dLayer
_SEQUENCE = ("channels", "length")
_IMAGE = ("channels", "height", "width")


def after_convolution(layer: Convolution, shape: Shape, notes: Notes) -> Step | None:
    """Channels and windows."""
    sides = _dimensions(layer)
    if not notes.rank(shape, *sides):
        return None
    if shape[0] != layer.in_channels:
        notes.mismatch(
            "in_channels",
            f"The layer takes {layer.in_channels} channels, and is given {shape[0]}.",
        )
    if layer.in_channels % layer.groups or layer.out_channels % layer.groups:
        notes.add(
            "groups",
            "groups_do_not_divide",
            f"{layer.groups} groups do not divide {layer.in_channels} and "
            f"{layer.out_channels} channels.",
        )
    extent = _windows(
        layer, layer.stride, _sides(layer.dilation, sides), shape[1:], notes
    )
    if extent is None:
        return None
    # The windows are laid out, for one matrix product.
    window = layer.in_channels * math.prod(_sides(layer.kernel_size, sides))
    places = math.prod(extent)
    return Step(
        shape=(layer.out_channels, *extent),
        kept=(window + layer.out_channels) * places,
    )


def after_pool(layer: Pool, shape: Shape, notes: Notes) -> Step | None:
    """Windows of every channel."""
    sides = _dimensions(layer)
    if not notes.rank(shape, *sides):
        return None
    kernel = _sides(layer.kernel_size, sides)
    padding = _sides(layer.padding, sides)
    if any(2 * margin > side for margin, side in zip(padding, kernel, strict=True)):
        notes.add(
            "padding", "padding_too_large", "Padding is at most half of the kernel."
        )
        return None
    stride = layer.kernel_size if layer.stride is None else layer.stride
    extent = _windows(layer, stride, (1,) * len(kernel), shape[1:], notes)
    if extent is None:
        return None
    # Its inputs; of maxima also where they are.
    places = shape[0] * math.prod(extent) if layer.kind.startswith("max") else 0
    return Step(shape=(shape[0], *extent), kept=math.prod(shape) + places)


def after_adaptive_pool(layer: AdaptivePool, shape: Shape, notes: Notes) -> Step | None:
    """The given number of means of every channel."""
    sides = _dimensions(layer)
    if not notes.rank(shape, *sides):
        return None
    means = (shape[0], *_sides(layer.output_size, sides))
    # No graph keeps them, but they pass through the memory.
    return Step(shape=means, kept=max(0, math.prod(means) - math.prod(shape)))


def _windows(
    layer: Convolution | Pool,
    stride: int | Sequence[int],
    dilation: tuple[int, ...],
    given: Shape,
    notes: Notes,
) -> Shape | None:
    """How many windows fit, side by side."""
    sides = _dimensions(layer)
    counts = tuple(
        (side + 2 * margin - (spread * (kernel - 1) + 1)) // step + 1
        for side, margin, kernel, step, spread in zip(
            given,
            _sides(layer.padding, sides),
            _sides(layer.kernel_size, sides),
            _sides(stride, sides),
            dilation,
            strict=True,
        )
    )
    if min(counts) < 1:
        notes.add(
            "kernel_size",
            "kernel_too_large",
            f"The kernel exceeds what it is given, of {' x '.join(map(str, given))}.",
        )
        return None
    return counts


def _dimensions(layer: Convolution | Pool | AdaptivePool) -> tuple[str, ...]:
    return _SEQUENCE if layer.kind.endswith("1d") else _IMAGE


def _sides(value: int | Sequence[int], dimensions: Sequence[str]) -> tuple[int, ...]:
    """One number for each dimension after the channels."""
    if isinstance(value, int):
        return (value,) * (len(dimensions) - 1)
    return pair(value)
