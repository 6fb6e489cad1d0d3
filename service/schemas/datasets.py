"""Data sets: where inputs and targets come from, and how they are transformed."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import FileId, Positive, Schema, Seed, TensorName, Width


class CropTransform(Schema):
    """Keeps the central ``size`` x ``size`` pixels of each image."""

    kind: Literal["crop"]
    size: Width


class ResizeTransform(Schema):
    """Shrinks each image to ``size`` x ``size`` by means over equal blocks."""

    kind: Literal["resize"]
    size: Width


class StandardizeTransform(Schema):
    """Gives every feature zero mean and unit variance over the data set.

    A constant feature becomes zero. Variances are population variances (1/n).
    """

    kind: Literal["standardize"]


class CenterTransform(Schema):
    """Gives every feature zero mean over the data set."""

    kind: Literal["center"]


class PcaTransform(Schema):
    """Projects flattened inputs on their leading principal components."""

    kind: Literal["pca"]
    components: Width
    whiten: bool = False
    """Whether every component is scaled to unit variance."""


class SubsetTransform(Schema):
    """Keeps the samples of the given classes, then ``count`` of them at random."""

    kind: Literal["subset"]
    count: Width | None = None
    """Samples kept, drawn without replacement; null keeps all."""
    classes: (
        Annotated[
            list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=1000)
        ]
        | None
    ) = None
    """Classes kept, relabelled 0, 1, ... in the order given; null keeps all."""
    seed: Seed = 0


class PermuteLabelsTransform(Schema):
    """Permutes the targets over the samples: only memory can fit them then."""

    kind: Literal["permute_labels"]
    seed: Seed = 0


class OneHotTransform(Schema):
    """Turns integer targets into rows of zeros with a one (for mse)."""

    kind: Literal["one_hot"]
    classes: Width


class FlattenTransform(Schema):
    """Flattens every input to a vector."""

    kind: Literal["flatten"]


Transform = Annotated[
    CropTransform
    | ResizeTransform
    | StandardizeTransform
    | CenterTransform
    | PcaTransform
    | SubsetTransform
    | PermuteLabelsTransform
    | OneHotTransform
    | FlattenTransform,
    Field(discriminator="kind"),
]
Transforms = Annotated[list[Transform], Field(max_length=16)]


class FileDataset(Schema):
    """Named tensors of an uploaded safetensors file."""

    kind: Literal["file"]
    file_id: FileId
    input: TensorName = "x"
    """Tensor of inputs, samples first; an embedding needs integers."""
    target: TensorName = "y"
    """Tensor of targets; the input's own name makes an autoencoder. Integers are
    classes, one for each sample or for each position of a sequence."""
    transforms: Transforms = []


class BuiltinDataset(Schema):
    """Real images shipped with the worker, (n, 1, height, width) in [0, 1]."""

    kind: Literal["builtin"]
    name: Literal["digits", "mnist_5k", "fashion_mnist_5k"]
    input: Literal["images", "levels"] = "images"
    """`levels` are the grey levels as integers, 0 to 16 in digits and to 255 else: each
    pixel is a token for an embedding."""
    target: Literal["labels", "images"] = "labels"
    """`images` makes an autoencoder: the transformed input is the target."""
    transforms: Transforms = []


class LinspaceCovariance(Schema):
    """Diagonal covariance with evenly spaced variances."""

    kind: Literal["linspace"]
    low: Positive
    high: Positive


class DiagonalCovariance(Schema):
    """Diagonal covariance given entry by entry."""

    kind: Literal["diagonal"]
    values: Annotated[list[Positive], Field(min_length=1, max_length=10_000)]


class GaussianDataset(Schema):
    """Independent Gaussian samples; the transformed input is also the target."""

    kind: Literal["gaussian"]
    features: Width
    samples: Width
    covariance: Annotated[
        LinspaceCovariance | DiagonalCovariance, Field(discriminator="kind")
    ]
    transforms: Transforms = []


Dataset = Annotated[
    FileDataset | BuiltinDataset | GaussianDataset, Field(discriminator="kind")
]
