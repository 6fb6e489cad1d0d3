"""Shapes after layers that normalise."""

import math

from service.resolution.parameters import Shape
from service.resolution.shapes.fit import Notes, Step
from service.schemas.architectures import (
    BatchNormLayer,
    GroupNormLayer,
    LayerNormLayer,
)

_MOST_DIMENSIONS = len(("channels", "height", "width"))


def after_layer_norm(layer: LayerNormLayer, shape: Shape, notes: Notes) -> Step | None:
    """The same shape."""
    normalised = tuple(layer.normalized_shape)
    if len(normalised) > len(shape) or shape[-len(normalised) :] != normalised:
        notes.mismatch(
            "normalized_shape",
            f"The layer takes {list(normalised)} and is given {list(shape)}.",
        )
        if len(normalised) > len(shape):
            return None
    outer = shape[: len(shape) - len(normalised)]
    kept = (4 if layer.affine else 3) * math.prod(shape) + 2 * math.prod(outer)
    return Step(shape=(*outer, *normalised), kept=kept)


def after_group_norm(layer: GroupNormLayer, shape: Shape, notes: Notes) -> Step:
    """The same shape."""
    if layer.num_channels % layer.num_groups:
        notes.add(
            "num_groups",
            "groups_do_not_divide",
            f"{layer.num_groups} groups do not divide {layer.num_channels} channels.",
        )
    if shape[0] != layer.num_channels:
        notes.mismatch(
            "num_channels",
            f"The layer takes {layer.num_channels} channels and is given shape "
            f"{list(shape)}.",
        )
    kept = (4 if layer.affine else 3) * math.prod(shape) + 2 * layer.num_groups
    return Step(shape=(layer.num_channels, *shape[1:]), kept=kept)


def after_batch_norm(layer: BatchNormLayer, shape: Shape, notes: Notes) -> Step | None:
    """The same shape."""
    if len(shape) > _MOST_DIMENSIONS:
        notes.mismatch(
            "kind",
            f"The layer takes at most channels, height, width and is given "
            f"{list(shape)}.",
        )
        return None
    if shape[0] != layer.num_features:
        notes.mismatch(
            "num_features",
            f"The layer takes {layer.num_features} channels and is given shape "
            f"{list(shape)}.",
        )
    kept = 2 * math.prod(shape) if layer.affine else 0
    return Step(shape=(layer.num_features, *shape[1:]), kept=kept)
