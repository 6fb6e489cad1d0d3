"""Names and shapes of a problem's parameters, in the order of the flat vector."""

import itertools
import math
from collections.abc import Iterator, Sequence

from service.schemas.architectures import (
    Architecture,
    Conv2dLayer,
    Layer,
    LayerNormLayer,
    LinearLayer,
    MlpArchitecture,
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


def parameter_shapes(problem: Problem) -> dict[str, Shape]:
    """Shapes by name; the order is that of the flat parameter vector."""
    match problem:
        case NetworkProblem():
            return network_parameter_shapes(problem.architecture)
        case LinearAutoencoderProblem(input_size=inputs, hidden_size=hidden):
            return {
                "encoder.weight": (hidden, inputs),
                "decoder.weight": (inputs, hidden),
            }
        case PolynomialProblem():
            return {"x": (problem.variables,)}


def network_parameter_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Shapes by name, named and ordered as by PyTorch."""
    match architecture:
        case MlpArchitecture(sizes=sizes, bias=bias):
            return dict(
                named
                for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
                for named in _affine(f"layers.{number}.", (outputs, inputs), bias=bias)
            )
        case SequentialArchitecture(layers=layers):
            return dict(_of_layers(layers, ""))


def parameter_count(shapes: dict[str, Shape]) -> int:
    """Length of the flat vector."""
    return sum(math.prod(shape) for shape in shapes.values())


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of what is given as one number for both, or as two."""
    if isinstance(value, int):
        return value, value
    height, width = value
    return height, width


def _of_layers(layers: Sequence[Layer], prefix: str) -> Iterator[tuple[str, Shape]]:
    for number, layer in enumerate(layers):
        yield from _of_layer(layer, f"{prefix}{number}.")


def _of_layer(layer: Layer, prefix: str) -> Iterator[tuple[str, Shape]]:
    match layer:
        case LinearLayer():
            shape = (layer.out_features, layer.in_features)
            yield from _affine(prefix, shape, bias=layer.bias)
        case Conv2dLayer():
            kernel = pair(layer.kernel_size)
            shape = (layer.out_channels, layer.in_channels, *kernel)
            yield from _affine(prefix, shape, bias=layer.bias)
        case LayerNormLayer(affine=True):
            yield f"{prefix}weight", tuple(layer.normalized_shape)
            yield f"{prefix}bias", tuple(layer.normalized_shape)
        case ResidualLayer():
            yield from _of_layers(layer.layers, f"{prefix}layers.")
            yield from _of_layers(layer.shortcut, f"{prefix}shortcut.")
        case _:
            return


def _affine(prefix: str, shape: Shape, *, bias: bool) -> Iterator[tuple[str, Shape]]:
    yield f"{prefix}weight", shape
    if bias:
        yield f"{prefix}bias", shape[:1]
