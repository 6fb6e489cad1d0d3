"""Network architectures: a fully connected stack, or a list of named layers."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Positive, Schema, Width

ActivationName = Literal[
    "identity",
    "relu",
    "leaky_relu",
    "gelu",
    "swish",
    "tanh",
    "sigmoid",
    "softplus",
    "elu",
]
Extent = Annotated[int, Field(ge=1, le=4096)]
Margin = Annotated[int, Field(ge=0, le=4096)]
Pair = Extent | Annotated[list[Extent], Field(min_length=2, max_length=2)]
PaddingPair = Margin | Annotated[list[Margin], Field(min_length=2, max_length=2)]


class MlpArchitecture(Schema):
    """Dense layers with one activation between them and none after the last.

    Parameters are named ``layers.0.weight``, ``layers.0.bias``, ``layers.1.weight``...
    """

    kind: Literal["mlp"]
    sizes: Annotated[list[Width], Field(min_length=2, max_length=64)]
    """Widths from the input features to the outputs."""
    activation: ActivationName
    bias: bool = True
    """Whether every layer adds a bias."""


class LinearLayer(Schema):
    """``torch.nn.Linear`` on the last dimension."""

    kind: Literal["linear"]
    in_features: Width
    out_features: Width
    bias: bool = True


class Conv2dLayer(Schema):
    """``torch.nn.Conv2d`` with zero padding, on (channels, height, width)."""

    kind: Literal["conv2d"]
    in_channels: Width
    out_channels: Width
    kernel_size: Pair
    stride: Pair = 1
    padding: PaddingPair = 0
    bias: bool = True


class ActivationLayer(Schema):
    """A pointwise activation, named by its kind."""

    kind: ActivationName


class FlattenLayer(Schema):
    """Flattens every dimension after the batch into one."""

    kind: Literal["flatten"]


class MaxPool2dLayer(Schema):
    """``torch.nn.MaxPool2d``; not smooth, so critical points need not exist."""

    kind: Literal["max_pool2d"]
    kernel_size: Pair
    stride: Pair | None = None
    """Defaults to the kernel size."""
    padding: PaddingPair = 0


class AvgPool2dLayer(Schema):
    """``torch.nn.AvgPool2d`` (padding counts in the mean)."""

    kind: Literal["avg_pool2d"]
    kernel_size: Pair
    stride: Pair | None = None
    """Defaults to the kernel size."""
    padding: PaddingPair = 0


class LayerNormLayer(Schema):
    """``torch.nn.LayerNorm`` over the trailing dimensions."""

    kind: Literal["layer_norm"]
    normalized_shape: Annotated[list[Width], Field(min_length=1, max_length=4)]
    eps: Positive = 1e-5
    affine: bool = True
    """Whether it has a learned weight and bias."""


class ResidualLayer(Schema):
    """Adds its input, or a shortcut of it, to what its layers return.

    Parameters are named ``N.layers.0.weight`` and ``N.shortcut.0.weight``.
    """

    kind: Literal["residual"]
    layers: Annotated[list["Layer"], Field(min_length=1, max_length=64)]
    shortcut: Annotated[list["Layer"], Field(max_length=16)] = []
    """Layers on the skip connection; empty is the identity."""


Layer = Annotated[
    LinearLayer
    | Conv2dLayer
    | ActivationLayer
    | FlattenLayer
    | MaxPool2dLayer
    | AvgPool2dLayer
    | LayerNormLayer
    | ResidualLayer,
    Field(discriminator="kind"),
]


class SequentialArchitecture(Schema):
    """Layers applied in order; parameters are named as by ``torch.nn.Sequential``."""

    kind: Literal["sequential"]
    layers: Annotated[list[Layer], Field(min_length=1, max_length=256)]


Architecture = Annotated[
    MlpArchitecture | SequentialArchitecture, Field(discriminator="kind")
]
