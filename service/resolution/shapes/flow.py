"""The shape of one sample on its way through a network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.data.samples import Integers
from service.resolution.findings import Findings, Location
from service.resolution.parameters import Shape
from service.resolution.shapes.fit import Notes, Step
from service.resolution.shapes.normalisations import (
    after_batch_norm,
    after_group_norm,
    after_layer_norm,
)
from service.resolution.shapes.sequences import (
    after_attention,
    after_embedding,
    after_mean,
    after_positions,
)
from service.resolution.shapes.windows import (
    after_adaptive_pool,
    after_convolution,
    after_pool,
)
from service.schemas.architectures import (
    ActivationLayer,
    ActivationName,
    AdaptiveAvgPool1dLayer,
    AdaptiveAvgPool2dLayer,
    Architecture,
    AttentionLayer,
    AvgPool1dLayer,
    AvgPool2dLayer,
    BatchNormLayer,
    Conv1dLayer,
    Conv2dLayer,
    EmbeddingLayer,
    FlattenLayer,
    GroupNormLayer,
    Layer,
    LayerNormLayer,
    LinearLayer,
    MaxPool1dLayer,
    MaxPool2dLayer,
    MeanPositionsLayer,
    MlpArchitecture,
    PositionalEmbeddingLayer,
    ResidualLayer,
    SequentialArchitecture,
)

_RESHAPING = (
    FlattenLayer
    | ActivationLayer
    | MaxPool1dLayer
    | MaxPool2dLayer
    | AvgPool1dLayer
    | AvgPool2dLayer
    | AdaptiveAvgPool1dLayer
    | AdaptiveAvgPool2dLayer
    | MeanPositionsLayer
    | ResidualLayer
)
"""Layers with no sizes of their own: what follows takes what the data have shaped."""


LOSS_KEEPS = 3
"""Numbers that a loss keeps for every output."""


def kept_by(activation: ActivationName) -> int:
    """Numbers that an activation keeps for each of its values."""
    match activation:
        case "identity":
            return 0
        case "relu" | "leaky_relu":
            return 1
        case "gelu" | "swish" | "tanh" | "sigmoid" | "softplus" | "elu":
            return 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What a network makes of one sample.

    Attributes:
        output: Shape of the outputs.
        kept: Numbers in the graph of a gradient that is kept for Hessian products.
    """

    output: Shape
    kept: int


def follow(
    architecture: Architecture,
    sample: Shape,
    at: Location,
    findings: Findings,
    *,
    integers: Integers | None = None,
) -> Flow | None:
    """Follows a sample through a network.

    After a layer that does not fit, it goes on with what that layer would have taken.

    Args:
        architecture: The network.
        sample: Shape of one input.
        at: Where the architecture stands in the request.
        findings: Where layers that do not fit are noted.
        integers: Range of the inputs, where they are integers.

    Returns:
        The flow, or ``None`` if it breaks off at a layer.
    """
    match architecture:
        case MlpArchitecture(sizes=sizes, activation=activation):
            if sample != (sizes[0],):
                advice = " (a flatten transform helps)" if len(sample) > 1 else ""
                findings.add(
                    at / "sizes" / 0,
                    "dataset_does_not_fit_architecture",
                    f"Inputs have shape {list(sample)}, not [{sizes[0]}]{advice}.",
                )
            linear = sum(sizes[:-1]) + sum(sizes[1:])
            between = kept_by(activation) * sum(sizes[1:-1])
            return _flow((sizes[-1],), linear + between)
        case SequentialArchitecture(layers=layers):
            walk = _Walk(findings, integers)
            output = walk.through(layers, sample, at / "layers")
            if output is None:
                return None
            return _flow(output, walk.kept)


def _flow(output: Shape, kept: int) -> Flow:
    return Flow(output=output, kept=kept + LOSS_KEEPS * math.prod(output))


@final
class _Walk:
    """Applies layers to a shape; knows whether only the data have shaped it so far."""

    def __init__(self, findings: Findings, integers: Integers | None) -> None:
        self.findings = findings
        self.integers = integers
        self.kept = 0
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
        return current

    def after(self, layer: Layer, shape: Shape, at: Location) -> Shape | None:
        """The shape after one layer."""
        step = self._step(layer, shape, at)
        if not isinstance(layer, FlattenLayer):
            self.integers = None
        if step is None:
            return None
        if not isinstance(layer, _RESHAPING):
            self.untouched = False
        self.kept += step.kept
        return step.shape

    def _step(  # noqa: C901, PLR0912 - one case for each kind
        self, layer: Layer, shape: Shape, at: Location
    ) -> Step | None:
        notes = Notes(at=at, findings=self.findings, untouched=self.untouched)
        match layer:
            case LinearLayer():
                step = _linear(layer, shape, notes)
            case Conv1dLayer() | Conv2dLayer():
                step = after_convolution(layer, shape, notes)
            case (
                MaxPool1dLayer()
                | MaxPool2dLayer()
                | AvgPool1dLayer()
                | (AvgPool2dLayer())
            ):
                step = after_pool(layer, shape, notes)
            case AdaptiveAvgPool1dLayer() | AdaptiveAvgPool2dLayer():
                step = after_adaptive_pool(layer, shape, notes)
            case LayerNormLayer():
                step = after_layer_norm(layer, shape, notes)
            case GroupNormLayer():
                step = after_group_norm(layer, shape, notes)
            case BatchNormLayer():
                step = after_batch_norm(layer, shape, notes)
            case EmbeddingLayer():
                step = after_embedding(layer, shape, self.integers, notes)
            case PositionalEmbeddingLayer():
                step = after_positions(layer, shape, notes)
            case AttentionLayer():
                step = after_attention(layer, shape, notes)
            case MeanPositionsLayer():
                step = after_mean(layer, shape, notes)
            case FlattenLayer():
                step = Step(shape=(math.prod(shape),))
            case ActivationLayer():
                step = Step(shape=shape, kept=kept_by(layer.kind) * math.prod(shape))
            case ResidualLayer():
                after = self._residual(layer, shape, at)
                step = None if after is None else Step(shape=after)
        return step

    def _residual(
        self, layer: ResidualLayer, shape: Shape, at: Location
    ) -> Shape | None:
        untouched, integers = self.untouched, self.integers
        main = self.through(layer.layers, shape, at / "layers")
        self.untouched, touched = untouched, not self.untouched
        self.integers = integers
        skip = self.through(layer.shortcut, shape, at / "shortcut")
        self.untouched = self.untouched and not touched
        if main is not None and skip is not None and main != skip:
            self.findings.add(
                at / ("shortcut" if layer.shortcut else "layers"),
                "layers_do_not_fit",
                f"The layers return {list(main)} and the shortcut {list(skip)}.",
            )
        return main or skip


def _linear(layer: LinearLayer, shape: Shape, notes: Notes) -> Step:
    if shape[-1] != layer.in_features:
        notes.mismatch(
            "in_features",
            f"The layer takes {layer.in_features} features and is given shape "
            f"{list(shape)}.",
        )
    outputs = (*shape[:-1], layer.out_features)
    return Step(shape=outputs, kept=math.prod(shape) + math.prod(outputs))
