"""Starts: where the searches begin."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Count, Fraction, Nonnegative, Number, Positive, Schema

Coordinates = Annotated[list[Number], Field(min_length=1, max_length=10_000)]


class WeightsStarts(Schema):
    """The uploaded points, optionally perturbed by Gaussian noise.

    Start ``i`` begins at uploaded point ``i`` modulo the number of uploaded points.
    """

    kind: Literal["weights"]
    count: Count | None = None
    """Number of starts; null is one for each uploaded point."""
    noise_variance: Nonnegative = 0.0
    """Variance of the noise added to every parameter of every start."""


class RandomStarts(Schema):
    """Fresh initialisations, as PyTorch initialises such layers."""

    kind: Literal["random"]
    count: Count


class TrajectoryStarts(Schema):
    """Points of one training run, uniform in loss, a share of them with noise.

    Training begins at the uploaded weights, else at a random initialisation.
    """

    kind: Literal["trajectory"]
    count: Count
    optimizer: Literal["gradient_descent", "momentum", "adam"] = "gradient_descent"
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    learning_rate: Positive = 0.01
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Used by the optimizer `momentum`."""
    noise_variance: Nonnegative = 0.01
    noisy_fraction: Fraction = 0.5
    """Share of the starts that noise is added to."""


class ExplicitStarts(Schema):
    """Points written out, as flat parameter vectors."""

    kind: Literal["explicit"]
    points: Annotated[list[Coordinates], Field(min_length=1, max_length=10_000)]


class BoxStarts(Schema):
    """Points uniform in a box."""

    kind: Literal["box"]
    low: Coordinates
    high: Coordinates
    count: Count


Starts = Annotated[
    WeightsStarts | RandomStarts | TrajectoryStarts | ExplicitStarts | BoxStarts,
    Field(discriminator="kind"),
]
