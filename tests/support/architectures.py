"""Architectures drawn at random, and the real modules of the worker."""

from collections.abc import Sequence
from typing import Any, assert_never, get_args

import torch
from hypothesis import strategies as st
from pydantic import TypeAdapter
from torch import nn

from service.schemas.architectures import (
    ActivationLayer,
    ActivationName,
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
from worker.networks import architectures, layers
from worker.networks.activations import activation

Shape = tuple[int, ...]
LAYER: TypeAdapter[Layer] = TypeAdapter(Layer)
ACTIVATIONS = st.sampled_from(get_args(ActivationName))
SAMPLE_SHAPES = st.one_of(
    st.tuples(st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
)


def module_of(architecture: Architecture) -> nn.Module:
    """The worker's module of an architecture."""
    match architecture:
        case MlpArchitecture():
            return architectures.mlp(
                architecture.sizes, architecture.activation, bias=architecture.bias
            )
        case SequentialArchitecture():
            return architectures.sequential(modules_of(architecture.layers))


def modules_of(given: Sequence[Layer]) -> list[nn.Module]:
    """The worker's modules of layers."""
    return [_module_of_layer(layer) for layer in given]


def _module_of_layer(layer: Layer) -> nn.Module:
    match layer:
        case ResidualLayer():
            return layers.Residual(modules_of(layer.layers), modules_of(layer.shortcut))
        case ActivationLayer():
            return activation(layer.kind)
        case FlattenLayer():
            return layers.flatten()
        case LinearLayer():
            make = layers.linear
        case Conv2dLayer():
            make = layers.conv2d
        case MaxPool2dLayer():
            make = layers.max_pool2d
        case AvgPool2dLayer():
            make = layers.avg_pool2d
        case LayerNormLayer():
            make = layers.layer_norm
        case _:
            assert_never(layer)
    return make(**layer.model_dump(exclude={"kind"}))


def output_shape(module: nn.Module, sample: Shape) -> Shape | None:
    """What PyTorch makes of two samples, less their number; ``None`` if it refuses."""
    try:
        outputs = module(torch.empty(2, *sample, device="meta"))
    except (RuntimeError, IndexError, ValueError):
        return None
    return tuple(outputs.shape[1:])


@st.composite
def mlps(draw: st.DrawFn) -> Architecture:
    """A fully connected network."""
    return MlpArchitecture(
        kind="mlp",
        sizes=draw(st.lists(st.integers(1, 5), min_size=2, max_size=14)),
        activation=draw(ACTIVATIONS),
        bias=draw(st.booleans()),
    )


@st.composite
def sequentials(draw: st.DrawFn, sample: Shape, *, fitting: bool) -> Architecture:
    """A list of layers; each takes what it is given, or, unless fitting, may not."""
    return SequentialArchitecture(
        kind="sequential", layers=draw(layer_lists(sample, fitting=fitting))
    )


@st.composite
def layer_lists(
    draw: st.DrawFn, sample: Shape, *, fitting: bool, depth: int = 2, most: int = 5
) -> list[Layer]:
    """Layers one after the other."""
    drawn: list[Layer] = []
    shape = sample
    for _ in range(draw(st.integers(1, most))):
        given = shape if fitting or draw(st.integers(0, 7)) else draw(SAMPLE_SHAPES)
        layer = draw(_layers(given, fitting=fitting, depth=depth))
        after = output_shape(nn.Sequential(*modules_of([layer])), given)
        if after is None:
            if fitting:
                continue
            after = given
        drawn.append(layer)
        shape = after
    return drawn or [FlattenLayer(kind="flatten")]


@st.composite
def _layers(draw: st.DrawFn, shape: Shape, *, fitting: bool, depth: int) -> Layer:
    kinds = ["linear", "activation", "flatten", "layer_norm", "residual"]
    if len(shape) == 3 or not fitting:
        kinds += ["conv2d", "conv2d", "max_pool2d", "avg_pool2d"]
    if depth == 0:
        kinds.remove("residual")
    kind = draw(st.sampled_from(kinds))
    if kind == "residual":
        return draw(_residuals(shape, fitting=fitting, depth=depth - 1))
    if kind == "activation":
        return ActivationLayer(kind=draw(ACTIVATIONS))
    return LAYER.validate_python({"kind": kind, **draw(_fields(kind, shape))})


def _fields(kind: str, shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of a layer that takes a shape, but for windows that may exceed it."""
    width, flag = st.integers(1, 4), st.booleans()
    windows = {
        "kernel_size": _pairs(1, 3),
        "padding": _pairs(0, 1),
        "stride": _pairs(1, 3),
    }
    fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "flatten": {},
        "linear": {
            "in_features": st.just(shape[-1]),
            "out_features": width,
            "bias": flag,
        },
        "layer_norm": {
            "normalized_shape": st.integers(1, len(shape)).map(
                lambda rank: list(shape[-rank:])
            ),
            "affine": flag,
        },
        "max_pool2d": windows,
        "avg_pool2d": windows,
        "conv2d": {
            "in_channels": st.just(shape[0]),
            "out_channels": width,
            "bias": flag,
            **windows,
        },
    }
    return st.fixed_dictionaries(fields[kind])


@st.composite
def _residuals(draw: st.DrawFn, shape: Shape, *, fitting: bool, depth: int) -> Layer:
    inner = draw(layer_lists(shape, fitting=fitting, depth=depth, most=2))
    after = output_shape(nn.Sequential(*modules_of(inner)), shape)
    shortcut: list[Layer] = []
    if after != shape:
        shortcut = draw(layer_lists(shape, fitting=fitting, depth=0, most=2))
        across = output_shape(nn.Sequential(*modules_of(shortcut)), shape)
        if fitting and across != after:
            return ActivationLayer(kind="tanh")
    return ResidualLayer(kind="residual", layers=inner, shortcut=shortcut)


def _pairs(low: int, high: int) -> st.SearchStrategy[int | list[int]]:
    number = st.integers(low, high)
    return number | st.lists(number, min_size=2, max_size=2)
