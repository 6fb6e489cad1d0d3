"""The shape of one sample on its way through a network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.findings import Findings, Location
from service.resolution.parameters import Shape, pair
from service.schemas.architectures import (
    ActivationLayer,
    Architecture,
    AvgPool2dLayer,
    Conv2dLayer,
    FlattenLayer,
    Layer,
    LayerNormLayer,
    LinearLayer,
    MaxPool2dLayer,
    MlpArchitecture,
    ResidualLayer,
    SequentialArchitecture,
)

IMAGE_RANK = 3
Window = Conv2dLayer | MaxPool2dLayer | AvgPool2dLayer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a network makes of one sample.

    Attributes:
        output: Shape of the outputs.
        entries: Numbers computed on the way, over all layers.
    """

    output: Shape
    entries: int


def follow(
    architecture: Architecture, sample: Shape, at: Location, findings: Findings
) -> Flow | None:
    """Follows a sample through a network.

    After a layer that does not fit, it goes on with what that layer would have taken.

    Args:
        architecture: The network.
        sample: Shape of one input.
        at: Where the architecture stands in the request.
        findings: Where layers that do not fit are noted.

    Returns:
        The flow, or ``None`` if it breaks off at a layer.
    """
    match architecture:
        case MlpArchitecture(sizes=sizes):
            if sample != (sizes[0],):
                advice = " (a flatten transform helps)" if len(sample) > 1 else ""
                findings.add(
                    at / "sizes" / 0,
                    "dataset_does_not_fit_architecture",
                    f"Inputs have shape {list(sample)}, not [{sizes[0]}]{advice}.",
                )
            return Flow(output=(sizes[-1],), entries=2 * sum(sizes[1:]))
        case SequentialArchitecture(layers=layers):
            walk = _Walk(findings)
            output = walk.through(layers, sample, at / "layers")
            if output is None:
                return None
            return Flow(output=output, entries=walk.entries)


@final
class _Walk:
    """Applies layers to a shape; knows whether only the data have shaped it so far."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.entries = 0
        self.untouched = True

    def through(
        self, layers: Sequence[Layer], shape: Shape, at: Location
    ) -> Shape | None:
        """The shape after all layers; ``None`` if one cannot take any such shape."""
        current: Shape | None = shape
        for number, layer in enumerate(layers):
            current = self.after(layer, current, at / number)
            if current is None:
                return None
            self.entries += math.prod(current)
        return current

    def after(self, layer: Layer, shape: Shape, at: Location) -> Shape | None:
        """The shape after one layer."""
        match layer:
            case LinearLayer():
                after = self._linear(layer, shape, at)
            case Conv2dLayer():
                after = self._convolution(layer, shape, at)
            case MaxPool2dLayer() | AvgPool2dLayer():
                after = self._pooling(layer, shape, at)
            case LayerNormLayer():
                after = self._normalisation(layer, shape, at)
            case ResidualLayer():
                after = self._residual(layer, shape, at)
            case FlattenLayer():
                after = (math.prod(shape),)
            case ActivationLayer():
                after = shape
        return after

    def _linear(self, layer: LinearLayer, shape: Shape, at: Location) -> Shape:
        if shape[-1] != layer.in_features:
            self._mismatch(
                at / "in_features",
                f"The layer takes {layer.in_features} features and is given shape "
                f"{list(shape)}.",
            )
        self.untouched = False
        return (*shape[:-1], layer.out_features)

    def _convolution(
        self, layer: Conv2dLayer, shape: Shape, at: Location
    ) -> Shape | None:
        if not self._is_image(shape, at):
            return None
        if shape[0] != layer.in_channels:
            self._mismatch(
                at / "in_channels",
                f"The layer takes {layer.in_channels} channels, and is given "
                f"{shape[0]}.",
            )
        self.untouched = False
        extent = self._windows(layer, layer.stride, shape, at)
        if extent is None:
            return None
        # The windows are laid out, for one matrix product.
        window = layer.in_channels * math.prod(pair(layer.kernel_size))
        self.entries += window * math.prod(extent)
        return (layer.out_channels, *extent)

    def _pooling(
        self, layer: MaxPool2dLayer | AvgPool2dLayer, shape: Shape, at: Location
    ) -> Shape | None:
        if not self._is_image(shape, at):
            return None
        kernel, padding = pair(layer.kernel_size), pair(layer.padding)
        if any(2 * margin > side for margin, side in zip(padding, kernel, strict=True)):
            self.findings.add(
                at / "padding",
                "padding_too_large",
                "Padding is at most half of the kernel.",
            )
            return None
        stride = layer.kernel_size if layer.stride is None else layer.stride
        extent = self._windows(layer, stride, shape, at)
        return extent and (shape[0], *extent)

    def _windows(
        self, layer: Window, stride: int | Sequence[int], shape: Shape, at: Location
    ) -> tuple[int, int] | None:
        """How many windows fit, down and across."""
        counts = [
            (side + 2 * margin - kernel) // step + 1
            for side, margin, kernel, step in zip(
                shape[1:],
                pair(layer.padding),
                pair(layer.kernel_size),
                pair(stride),
                strict=True,
            )
        ]
        if min(counts) < 1:
            self.findings.add(
                at / "kernel_size",
                "kernel_too_large",
                f"The kernel exceeds what it is given, of shape {list(shape)}.",
            )
            return None
        return counts[0], counts[1]

    def _normalisation(
        self, layer: LayerNormLayer, shape: Shape, at: Location
    ) -> Shape | None:
        normalised = tuple(layer.normalized_shape)
        if len(normalised) > len(shape) or shape[-len(normalised) :] != normalised:
            self._mismatch(
                at / "normalized_shape",
                f"The layer takes {list(normalised)} and is given {list(shape)}.",
            )
            if len(normalised) > len(shape):
                return None
        self.untouched = False
        return (*shape[: len(shape) - len(normalised)], *normalised)

    def _residual(
        self, layer: ResidualLayer, shape: Shape, at: Location
    ) -> Shape | None:
        untouched = self.untouched
        main = self.through(layer.layers, shape, at / "layers")
        self.untouched, touched = untouched, not self.untouched
        skip = self.through(layer.shortcut, shape, at / "shortcut")
        self.untouched = self.untouched and not touched
        if main is not None and skip is not None and main != skip:
            self.findings.add(
                at / ("shortcut" if layer.shortcut else "layers"),
                "layers_do_not_fit",
                f"The layers return {list(main)} and the shortcut {list(skip)}.",
            )
        return main or skip

    def _is_image(self, shape: Shape, at: Location) -> bool:
        if len(shape) == IMAGE_RANK:
            return True
        self._mismatch(
            at / "kind",
            f"The layer takes channels, height, width and is given {list(shape)}.",
        )
        return False

    def _mismatch(self, at: Location, detail: str) -> None:
        code = (
            "dataset_does_not_fit_architecture"
            if self.untouched
            else "layers_do_not_fit"
        )
        self.findings.add(at, code, detail)
