"""Architectures drawn at random, and the real modules of the worker."""

import math
from typing import Any, get_args

import torch
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.schemas.architectures import (
    ActivationLayer,
    ActivationName,
    Architecture,
    EmbeddingLayer,
    FlattenLayer,
    Layer,
    MlpArchitecture,
    ResidualLayer,
    SequentialArchitecture,
)
from worker.build.networks import network

Shape = tuple[int, ...]
LAYER: TypeAdapter[Layer] = TypeAdapter(Layer)
ACTIVATIONS = st.sampled_from(get_args(ActivationName))
SEQUENCES = st.tuples(st.integers(1, 4), st.integers(1, 9))
SAMPLE_SHAPES = st.one_of(
    st.tuples(st.integers(1, 5)),
    SEQUENCES,
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
)
LARGEST_INTEGER = 6
_ANY_RANK = ("linear", "activation", "flatten", "layer_norm", "residual", "group_norm")
_BY_RANK = {
    1: ("batch_norm",),
    2: (
        "batch_norm",
        "conv1d",
        "max_pool1d",
        "avg_pool1d",
        "adaptive_avg_pool1d",
        "attention",
        "positional_embedding",
        "mean_positions",
    ),
    3: (
        "batch_norm",
        "conv2d",
        "conv2d",
        "max_pool2d",
        "avg_pool2d",
        "adaptive_avg_pool2d",
    ),
}


def output_shape(architecture: Architecture, sample: Shape) -> Shape | None:
    """What PyTorch makes of two samples, less their number; ``None`` if it refuses."""
    module = network(architecture).to("meta", torch.float64)
    samples = torch.empty(2, *sample, device="meta", dtype=torch.float64)
    try:
        outputs = module(samples)
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
    return _sequential(draw(layer_lists(sample, fitting=fitting)))


@st.composite
def embedded(draw: st.DrawFn, sample: Shape) -> Architecture:
    """Layers of which the first takes integers up to the largest."""
    first = EmbeddingLayer(
        kind="embedding",
        num_embeddings=draw(st.integers(LARGEST_INTEGER + 1, 9)),
        embedding_dim=draw(st.integers(1, 4)),
    )
    shape = (*sample, first.embedding_dim)
    return _sequential([first, *draw(layer_lists(shape, fitting=True))])


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
        after = output_shape(_sequential([layer]), given)
        if not after:
            if fitting:
                continue
            after = given
        drawn.append(layer)
        shape = after
    return drawn or [FlattenLayer(kind="flatten")]


def _sequential(layers: list[Layer]) -> Architecture:
    return SequentialArchitecture(kind="sequential", layers=layers)


@st.composite
def _layers(draw: st.DrawFn, shape: Shape, *, fitting: bool, depth: int) -> Layer:
    rank = len(shape) if fitting else draw(st.integers(1, 3))
    kinds = [*_ANY_RANK, *_BY_RANK.get(rank, ())]
    if not fitting:
        kinds.append("embedding")
    if depth == 0:
        kinds.remove("residual")
    kind = draw(st.sampled_from(kinds))
    if kind == "residual":
        return draw(_residuals(shape, fitting=fitting, depth=depth - 1))
    if kind == "activation":
        return ActivationLayer(kind=draw(ACTIVATIONS))
    return LAYER.validate_python({"kind": kind, **draw(_fields(kind, shape))})


@st.composite
def _fields(  # noqa: C901, PLR0911 - one return for each kind
    draw: st.DrawFn, kind: str, shape: Shape
) -> dict[str, Any]:
    """Fields of a layer that takes a shape, but for windows that may exceed it."""
    width, flag = st.integers(1, 4), st.booleans()
    first, last = shape[0], shape[-1]
    match kind:
        case "linear":
            fields = {"in_features": last, "out_features": draw(width)}
        case "layer_norm":
            rank = draw(st.integers(1, min(4, len(shape))))
            return {"normalized_shape": list(shape[-rank:]), "affine": draw(flag)}
        case "group_norm":
            groups = draw(_divisors(first))
            fields = {"num_groups": groups, "num_channels": first}
            return {**fields, "affine": draw(flag)}
        case "batch_norm":
            return {"num_features": first, "affine": draw(flag)}
        case "embedding":
            return {"num_embeddings": draw(width), "embedding_dim": draw(width)}
        case "positional_embedding":
            return {"num_positions": first + draw(width) - 1, "embedding_dim": last}
        case "attention":
            fields = {"embed_dim": last, "num_heads": draw(_divisors(last))}
            fields["causal"] = draw(flag)
        case "conv1d" | "conv2d":
            outputs = draw(width)
            fields = {
                "in_channels": first,
                "out_channels": outputs,
                "groups": draw(_divisors(math.gcd(first, outputs))),
                "dilation": draw(_extents(kind, 1, 2)),
                **draw(_windows(kind)),
            }
        case "adaptive_avg_pool1d" | "adaptive_avg_pool2d":
            return {"output_size": draw(_extents(kind, 1, 4))}
        case "flatten" | "mean_positions":
            return {}
        case _:
            return draw(_windows(kind))
    return {**fields, "bias": draw(flag)}


def _windows(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "kernel_size": _extents(kind, 1, 3),
            "padding": _extents(kind, 0, 1),
            "stride": _extents(kind, 1, 3),
        }
    )


def _extents(kind: str, low: int, high: int) -> st.SearchStrategy[int | list[int]]:
    number = st.integers(low, high)
    if kind.endswith("1d"):
        return number
    return number | st.lists(number, min_size=2, max_size=2)


def _divisors(number: int) -> st.SearchStrategy[int]:
    return st.sampled_from([d for d in range(1, number + 1) if number % d == 0])


@st.composite
def _residuals(draw: st.DrawFn, shape: Shape, *, fitting: bool, depth: int) -> Layer:
    inner = draw(layer_lists(shape, fitting=fitting, depth=depth, most=2))
    after = output_shape(_sequential(inner), shape)
    shortcut: list[Layer] = []
    if after != shape:
        shortcut = draw(layer_lists(shape, fitting=fitting, depth=0, most=2))
        across = output_shape(_sequential(shortcut), shape)
        if fitting and across != after:
            return ActivationLayer(kind="tanh")
    return ResidualLayer(kind="residual", layers=inner, shortcut=shortcut)
