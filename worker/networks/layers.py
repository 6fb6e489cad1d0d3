"""Layers of sequential networks.

Modules are templates: their parameters lie on the meta device and have shapes but no
values, which come from flat parameter vectors at every evaluation.
"""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from typing_extensions import override

from worker.networks.convolutions import Convolution1d, Convolution2d
from worker.networks.normalisations import batch_norm, group_norm, layer_norm
from worker.networks.pools import (
    Pair,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
    pair,
)
from worker.networks.sequences import (
    attention,
    embedding,
    mean_positions,
    positional_embedding,
)

__all__ = [
    "Residual",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "embedding",
    "flatten",
    "group_norm",
    "layer_norm",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "mean_positions",
    "positional_embedding",
]


def linear(in_features: int, out_features: int, *, bias: bool = True) -> nn.Module:
    """An affine map of the last dimension."""
    return nn.Linear(in_features, out_features, bias=bias, device="meta")


def conv1d(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """A convolution with zero padding, on ``(n, channels, length)``."""
    return Convolution1d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=bias,
        device="meta",
    )


def conv2d(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """A convolution with zero padding, on ``(n, channels, height, width)``."""
    return Convolution2d(
        in_channels,
        out_channels,
        pair(kernel_size),
        stride=pair(stride),
        padding=pair(padding),
        dilation=pair(dilation),
        groups=groups,
        bias=bias,
        device="meta",
    )


def flatten() -> nn.Module:
    """Flattens every dimension after the batch into one."""
    return nn.Flatten()


@final
class Residual(nn.Module):
    """Adds its input, or a shortcut of it, to what its layers return.

    Attributes:
        layers: Applied in order.
        shortcut: Applied in order on the skip connection; none is the identity.
    """

    def __init__(
        self, layers: Sequence[nn.Module], shortcut: Sequence[nn.Module] = ()
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(*shortcut)

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Outputs for a batch of inputs."""
        return self.layers(x) + self.shortcut(x)
