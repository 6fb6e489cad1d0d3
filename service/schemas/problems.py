"""Problems: the function whose critical points are sought."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.architectures import Architecture
from service.schemas.base import FileId, Number, Schema, TensorName
from service.schemas.datasets import Dataset
from service.schemas.losses import Loss

Source = TensorName | Annotated[list[TensorName], Field(min_length=2, max_length=16)]
ParameterMap = Annotated[dict[TensorName, Source], Field(max_length=20_000)]


class NetworkProblem(Schema):
    """The full-batch loss of a network on a data set."""

    kind: Literal["network"]
    architecture: Architecture
    weights_file_id: FileId | None = None
    """Uploaded weights; needed by `weights` starts."""
    stacked: bool = False
    """Whether every uploaded tensor has a leading dimension of points."""
    parameter_map: ParameterMap | None = None
    """The architecture's names to the uploaded ones; null matches them by name, else by
    structure. A list of tensors of equal shape is joined along the first dimension, as
    for the queries, keys and values of attention."""
    dataset: Dataset
    loss: Loss


class LinearAutoencoderProblem(Schema):
    """A deep linear autoencoder on Gaussian data, whose critical points are known.

    The data have covariance diag(1..input_size) and centred features; the loss is the
    mean over all entries of ``(X - W2 W1 X)^2``.
    """

    kind: Literal["linear_autoencoder"]
    input_size: Annotated[int, Field(ge=2, le=256)]
    hidden_size: Annotated[int, Field(ge=1, le=256)]
    samples: Annotated[int, Field(ge=2, le=1_000_000)]
    weights_file_id: FileId | None = None
    """Uploaded `encoder.weight` and `decoder.weight`."""
    stacked: bool = False
    """Whether every uploaded tensor has a leading dimension of points."""
    parameter_map: ParameterMap | None = None
    """`encoder.weight` and `decoder.weight` to the uploaded names."""


class Term(Schema):
    """``coefficient * prod_i x_i^powers[i]``."""

    coefficient: Number
    powers: Annotated[
        list[Annotated[int, Field(ge=0, le=32)]], Field(min_length=1, max_length=64)
    ]
    """One power for each variable."""


class PolynomialProblem(Schema):
    """A polynomial in a few variables, given by its terms."""

    kind: Literal["polynomial"]
    variables: Annotated[int, Field(ge=1, le=64)]
    terms: Annotated[list[Term], Field(min_length=1, max_length=10_000)]


Problem = Annotated[
    NetworkProblem | LinearAutoencoderProblem | PolynomialProblem,
    Field(discriminator="kind"),
]
