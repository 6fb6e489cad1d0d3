"""Losses, averaged over the whole data set."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Nonnegative, Schema


class MseLoss(Schema):
    """Mean squared error over all entries of all outputs."""

    kind: Literal["mse"]
    l2: Nonnegative = 0.0
    """Adds ``l2 * |theta|^2`` over all parameters."""


class CrossEntropyLoss(Schema):
    """Mean cross-entropy of softmax outputs, classes last, with integer classes.

    Outputs (positions, classes) have a class at each position; the mean is over all.
    """

    kind: Literal["cross_entropy"]
    l2: Nonnegative = 0.0
    """Adds ``l2 * |theta|^2`` over all parameters."""


Loss = Annotated[MseLoss | CrossEntropyLoss, Field(discriminator="kind")]
