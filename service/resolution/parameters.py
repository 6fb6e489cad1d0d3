"""Names and shapes of a problem's parameters, in the order of the flat vector."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from service.schemas.architectures import (
    Architecture,
    AttentionLayer,
    BatchNormLayer,
    Conv1dLayer,
    Conv2dLayer,
    EmbeddingLayer,
    GroupNormLayer,
    Layer,
    LayerNormLayer,
    LinearLayer,
    MlpArchitecture,
    PositionalEmbeddingLayer,
    ResidualLayer,
    SequentialArchitecture,
)
from service.schemas.problems import (
    LinearAutoencoderProblem,
    NetworkProblem,
    PolynomialProblem,
    Problem,
)

Shape = tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tensor of a network.

    Attributes:
        name: As PyTorch names it.
        shape: Its shape.
        layer: Kind of its layer.
        buffer: Whether it is no parameter.
    """

    name: str
    shape: Shape
    layer: str
    buffer: bool = False


def parameter_shapes(problem: Problem) -> dict[str, Shape]:
    """Shapes by name; the order is that of the flat parameter vector."""
    return {each.name: each.shape for each in entries(problem) if not each.buffer}


def entries(problem: Problem) -> list[Entry]:
    """Parameters in the order of the flat vector, and buffers by their layers."""
    match problem:
        case NetworkProblem():
            return network_entries(problem.architecture)
        case LinearAutoencoderProblem(input_size=inputs, hidden_size=hidden):
            shapes = {
                "encoder.weight": (hidden, inputs),
                "decoder.weight": (inputs, hidden),
            }
        case PolynomialProblem():
            shapes = {"x": (problem.variables,)}
    return [
        Entry(name=name, shape=shape, layer="linear") for name, shape in shapes.items()
    ]


def network_entries(architecture: Architecture) -> list[Entry]:
    """Tensors, named and ordered as by PyTorch."""
    match architecture:
        case MlpArchitecture(sizes=sizes, bias=bias):
            return [
                entry
                for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
                for entry in _affine(
                    f"layers.{number}.", (outputs, inputs), "linear", bias=bias
                )
            ]
        case SequentialArchitecture(layers=layers):
            return list(_of_layers(layers, ""))


def parameter_count(shapes: dict[str, Shape]) -> int:
    """Length of the flat vector."""
    return sum(math.prod(shape) for shape in shapes.values())


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of what is given as one number for both, or as two."""
    if isinstance(value, int):
        return value, value
    height, width = value
    return height, width


def _of_layers(layers: Sequence[Layer], prefix: str) -> Iterator[Entry]:
    for number, layer in enumerate(layers):
        yield from _of_layer(layer, f"{prefix}{number}.")


def _of_layer(layer: Layer, prefix: str) -> Iterator[Entry]:
    match layer:
        case LinearLayer():
            shape = (layer.out_features, layer.in_features)
            yield from _affine(prefix, shape, layer.kind, bias=layer.bias)
        case Conv1dLayer() | Conv2dLayer():
            kernel = (
                (layer.kernel_size,)
                if isinstance(layer, Conv1dLayer)
                else pair(layer.kernel_size)
            )
            # What groups do not divide is refused elsewhere.
            shape = (layer.out_channels, layer.in_channels // layer.groups, *kernel)
            yield from _affine(prefix, shape, layer.kind, bias=layer.bias)
        case LayerNormLayer(affine=True):
            yield from _scale(prefix, tuple(layer.normalized_shape), layer.kind)
        case GroupNormLayer(affine=True):
            yield from _scale(prefix, (layer.num_channels,), layer.kind)
        case BatchNormLayer():
            yield from _batch_norm(layer, prefix)
        case EmbeddingLayer():
            shape = (layer.num_embeddings, layer.embedding_dim)
            yield from _affine(prefix, shape, layer.kind, bias=False)
        case PositionalEmbeddingLayer():
            shape = (layer.num_positions, layer.embedding_dim)
            yield from _affine(prefix, shape, layer.kind, bias=False)
        case AttentionLayer():
            yield from _attention(layer, prefix)
        case ResidualLayer():
            yield from _of_layers(layer.layers, f"{prefix}layers.")
            yield from _of_layers(layer.shortcut, f"{prefix}shortcut.")
        case _:
            return


def _affine(prefix: str, shape: Shape, kind: str, *, bias: bool) -> Iterator[Entry]:
    yield Entry(name=f"{prefix}weight", shape=shape, layer=kind)
    if bias:
        yield Entry(name=f"{prefix}bias", shape=shape[:1], layer=kind)


def _scale(prefix: str, shape: Shape, kind: str) -> Iterator[Entry]:
    yield Entry(name=f"{prefix}weight", shape=shape, layer=kind)
    yield Entry(name=f"{prefix}bias", shape=shape, layer=kind)


def _batch_norm(layer: BatchNormLayer, prefix: str) -> Iterator[Entry]:
    shape = (layer.num_features,)
    if layer.affine:
        yield from _scale(prefix, shape, layer.kind)
    for name in ("running_mean", "running_var"):
        yield Entry(name=f"{prefix}{name}", shape=shape, layer=layer.kind, buffer=True)


def _attention(layer: AttentionLayer, prefix: str) -> Iterator[Entry]:
    width = layer.embed_dim
    shapes: dict[str, Shape] = {"in_proj_weight": (3 * width, width)}
    if layer.bias:
        shapes["in_proj_bias"] = (3 * width,)
    shapes["out_proj.weight"] = (width, width)
    if layer.bias:
        shapes["out_proj.bias"] = (width,)
    for name, shape in shapes.items():
        yield Entry(name=f"{prefix}{name}", shape=shape, layer=layer.kind)
