"""Shapes after layers of sequences: embeddings and attention."""

import math

from service.resolution.data.samples import Integers
from service.resolution.parameters import Shape
from service.resolution.shapes.fit import Notes, Step
from service.schemas.architectures import (
    AttentionLayer,
    EmbeddingLayer,
    MeanPositionsLayer,
    PositionalEmbeddingLayer,
)

_SEQUENCE = ("positions", "features")


def after_embedding(
    layer: EmbeddingLayer, shape: Shape, integers: Integers | None, notes: Notes
) -> Step:
    """Features of every input.

    Args:
        layer: The layer.
        shape: Of its inputs.
        integers: Range of its inputs; ``None`` if they are no integers.
        notes: Where what does not fit is noted.

    Returns:
        A shape with one more dimension.
    """
    if integers is None:
        notes.mismatch(
            "kind", "The layer takes integers; what it is given need be none."
        )
    elif integers.low < 0 or integers.high >= layer.num_embeddings:
        notes.add(
            "num_embeddings",
            "input_out_of_range",
            f"Inputs range from {integers.low} to {integers.high}; there are "
            f"{layer.num_embeddings} embeddings.",
        )
    kept = math.prod(shape) * (1 + layer.embedding_dim)
    return Step(shape=(*shape, layer.embedding_dim), kept=kept)


def after_positions(
    layer: PositionalEmbeddingLayer, shape: Shape, notes: Notes
) -> Step | None:
    """The same shape."""
    if not notes.rank(shape, *_SEQUENCE):
        return None
    positions, features = shape
    if positions > layer.num_positions:
        notes.mismatch(
            "num_positions",
            f"The layer knows {layer.num_positions} positions and is given "
            f"{positions}.",
        )
    if features != layer.embedding_dim:
        notes.mismatch(
            "embedding_dim",
            f"The layer takes {layer.embedding_dim} features and is given {features}.",
        )
    return Step(shape=(positions, layer.embedding_dim))


def after_attention(layer: AttentionLayer, shape: Shape, notes: Notes) -> Step | None:
    """The same shape."""
    width, heads = layer.embed_dim, layer.num_heads
    if width % heads:
        notes.add(
            "num_heads",
            "heads_do_not_divide",
            f"{heads} heads do not divide {width} features.",
        )
    if not notes.rank(shape, *_SEQUENCE):
        return None
    positions, features = shape
    if features != width:
        notes.mismatch(
            "embed_dim", f"The layer takes {width} features and is given {features}."
        )
    # Queries, keys, values, their mixture and slopes; scores, softmax and its slopes.
    kept = 13 * positions * width + 4 * heads * positions**2
    return Step(shape=(positions, width), kept=kept)


def after_mean(_: MeanPositionsLayer, shape: Shape, notes: Notes) -> Step | None:
    """The features."""
    return Step(shape=shape[1:]) if notes.rank(shape, *_SEQUENCE) else None
