"""Network architectures: a fully connected stack, or a list of named layers."""

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

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
Groups = Annotated[int, Field(ge=1, le=1_000_000)]
Heads = Annotated[int, Field(ge=1, le=4096)]

_DROPOUTS = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"}
)


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


class Conv1dLayer(Schema):
    """``torch.nn.Conv1d`` with zero padding, on (channels, length)."""

    kind: Literal["conv1d"]
    in_channels: Width
    out_channels: Width
    kernel_size: Extent
    stride: Extent = 1
    padding: Margin = 0
    dilation: Extent = 1
    groups: Groups = 1
    """Divides both numbers of channels; as many as channels is a depthwise one."""
    bias: bool = True


class Conv2dLayer(Schema):
    """``torch.nn.Conv2d`` with zero padding, on (channels, height, width)."""

    kind: Literal["conv2d"]
    in_channels: Width
    out_channels: Width
    kernel_size: Pair
    stride: Pair = 1
    padding: PaddingPair = 0
    dilation: Pair = 1
    groups: Groups = 1
    """Divides both numbers of channels; as many as channels is a depthwise one."""
    bias: bool = True


class ActivationLayer(Schema):
    """A pointwise activation, named by its kind."""

    kind: ActivationName


class FlattenLayer(Schema):
    """Flattens every dimension after the batch into one."""

    kind: Literal["flatten"]


class MaxPool1dLayer(Schema):
    """``torch.nn.MaxPool1d``; not smooth, so critical points need not exist."""

    kind: Literal["max_pool1d"]
    kernel_size: Extent
    stride: Extent | None = None
    """Defaults to the kernel size."""
    padding: Margin = 0


class MaxPool2dLayer(Schema):
    """``torch.nn.MaxPool2d``; not smooth, so critical points need not exist."""

    kind: Literal["max_pool2d"]
    kernel_size: Pair
    stride: Pair | None = None
    """Defaults to the kernel size."""
    padding: PaddingPair = 0


class AvgPool1dLayer(Schema):
    """``torch.nn.AvgPool1d`` (padding counts in the mean)."""

    kind: Literal["avg_pool1d"]
    kernel_size: Extent
    stride: Extent | None = None
    """Defaults to the kernel size."""
    padding: Margin = 0


class AvgPool2dLayer(Schema):
    """``torch.nn.AvgPool2d`` (padding counts in the mean)."""

    kind: Literal["avg_pool2d"]
    kernel_size: Pair
    stride: Pair | None = None
    """Defaults to the kernel size."""
    padding: PaddingPair = 0


class AdaptiveAvgPool1dLayer(Schema):
    """``torch.nn.AdaptiveAvgPool1d``: size 1 is the mean over the length."""

    kind: Literal["adaptive_avg_pool1d"]
    output_size: Extent


class AdaptiveAvgPool2dLayer(Schema):
    """``torch.nn.AdaptiveAvgPool2d``: size 1 is global average pooling."""

    kind: Literal["adaptive_avg_pool2d"]
    output_size: Pair


class LayerNormLayer(Schema):
    """``torch.nn.LayerNorm`` over the trailing dimensions."""

    kind: Literal["layer_norm"]
    normalized_shape: Annotated[list[Width], Field(min_length=1, max_length=4)]
    eps: Positive = 1e-5
    affine: bool = True
    """Whether it has a learned weight and bias."""


class GroupNormLayer(Schema):
    """``torch.nn.GroupNorm`` on channels, then any dimensions."""

    kind: Literal["group_norm"]
    num_groups: Groups
    """Divides the number of channels."""
    num_channels: Width
    eps: Positive = 1e-5
    affine: bool = True
    """Whether it has a learned weight and bias for each channel."""


class BatchNormLayer(Schema):
    """``torch.nn.BatchNorm1d`` or ``2d`` after ``eval()``, on channels first.

    `running_mean` and `running_var` are read from uploaded weights and are no
    parameters; where these hold none, and for random starts, they are 0 and 1.
    """

    kind: Literal["batch_norm"]
    num_features: Width
    eps: Positive = 1e-5
    affine: bool = True
    """Whether it has a learned weight and bias for each channel."""


class EmbeddingLayer(Schema):
    """``torch.nn.Embedding`` of integer inputs; adds a last dimension."""

    kind: Literal["embedding"]
    num_embeddings: Width
    """Inputs are below it, and not negative."""
    embedding_dim: Width


class PositionalEmbeddingLayer(Schema):
    """Adds a learned row for each position, on (positions, features).

    Its `weight` is that of a ``torch.nn.Embedding`` of the positions.
    """

    kind: Literal["positional_embedding"]
    num_positions: Width
    """Positions that it knows, at least as many as are given."""
    embedding_dim: Width


class AttentionLayer(Schema):
    """``torch.nn.MultiheadAttention`` of (positions, features) to themselves.

    Parameters are those of that module: `in_proj_weight`, `in_proj_bias`,
    `out_proj.weight`, `out_proj.bias`.
    """

    kind: Literal["attention"]
    embed_dim: Width
    num_heads: Heads
    """Divides the number of features."""
    bias: bool = True
    causal: bool = False
    """Whether a position sees itself and earlier ones only."""


class MeanPositionsLayer(Schema):
    """The mean over positions: (positions, features) to (features)."""

    kind: Literal["mean_positions"]


class ResidualLayer(Schema):
    """Adds its input, or a shortcut of it, to what its layers return.

    Parameters are named ``N.layers.0.weight`` and ``N.shortcut.0.weight``.
    """

    kind: Literal["residual"]
    layers: Annotated[list["Layer"], Field(min_length=1, max_length=64)]
    shortcut: Annotated[list["Layer"], Field(max_length=16)] = []
    """Layers on the skip connection; empty is the identity."""


def _refuse_dropout(layer: object) -> object:
    """What is no dropout; an error tells why a dropout is not taken."""
    if _kind(layer) in _DROPOUTS:
        raise PydanticCustomError(
            "dropout_not_deterministic",
            "The loss must be deterministic: leave dropout layers out, as they are "
            "the identity after eval().",
        )
    return layer


def _kind(layer: object) -> str:
    if not isinstance(layer, dict):
        return ""
    return str(cast("dict[str, object]", layer).get("kind", "")).lower()


Layer = Annotated[
    LinearLayer
    | Conv1dLayer
    | Conv2dLayer
    | ActivationLayer
    | FlattenLayer
    | MaxPool1dLayer
    | MaxPool2dLayer
    | AvgPool1dLayer
    | AvgPool2dLayer
    | AdaptiveAvgPool1dLayer
    | AdaptiveAvgPool2dLayer
    | LayerNormLayer
    | GroupNormLayer
    | BatchNormLayer
    | EmbeddingLayer
    | PositionalEmbeddingLayer
    | AttentionLayer
    | MeanPositionsLayer
    | ResidualLayer,
    Field(discriminator="kind"),
    BeforeValidator(_refuse_dropout),
]


class SequentialArchitecture(Schema):
    """Layers applied in order; parameters are named as by ``torch.nn.Sequential``."""

    kind: Literal["sequential"]
    layers: Annotated[list[Layer], Field(min_length=1, max_length=256)]


Architecture = Annotated[
    MlpArchitecture | SequentialArchitecture, Field(discriminator="kind")
]
