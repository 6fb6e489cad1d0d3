"""Layers that normalise."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from typing_extensions import override

from worker.networks.normal import Normal


def layer_norm(
    normalized_shape: Sequence[int], *, eps: float = 1e-5, affine: bool = True
) -> nn.Module:
    """Normalises the trailing dimensions of every sample."""
    return nn.LayerNorm(
        list(normalized_shape), eps=eps, elementwise_affine=affine, device="meta"
    )


def group_norm(
    num_groups: int, num_channels: int, *, eps: float = 1e-5, affine: bool = True
) -> nn.Module:
    """Normalises groups of the channels of every sample."""
    return GroupNorm(num_groups, num_channels, eps=eps, affine=affine)


def batch_norm(
    num_features: int, *, eps: float = 1e-5, affine: bool = True
) -> nn.Module:
    """Normalises every channel by fixed statistics."""
    return BatchNorm(num_features, eps=eps, affine=affine)


@final
class GroupNorm(nn.GroupNorm):
    """A group norm whose second derivatives are those of a layer norm."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        *,
        eps: float,
        affine: bool,
    ) -> None:
        super().__init__(
            num_groups, num_channels, eps=eps, affine=affine, device="meta"
        )
        self.normal = Normal(eps)

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Normalises ``(n, channels, ...)``."""
        grouped = input.reshape(len(input), self.num_groups, -1)
        normal = self.normal(grouped).view(input.shape)
        if not self.affine:
            return normal
        return normal * _by_channel(self.weight, input) + _by_channel(self.bias, input)


@final
class BatchNorm(nn.Module):
    """A batch norm in its eval form: an affine map of every channel.

    Attributes:
        eps: Added to the variances.
        weight: ``(channels,)``; None where there is none.
        bias: ``(channels,)``; None where there is none.
        running_mean: Means, ``(channels,)``; a buffer with a value.
        running_var: Variances, ``(channels,)``; a buffer with a value.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float, affine: bool) -> None:
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias"):
            value = nn.Parameter(torch.empty(channels, device="meta"))
            self.register_parameter(name, value if affine else None)
        self.register_buffer("running_mean", torch.zeros(channels, dtype=torch.double))
        self.register_buffer("running_var", torch.ones(channels, dtype=torch.double))

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``(n, channels, ...)``."""
        scale = (self.running_var + self.eps).rsqrt()
        normal = (x - _by_channel(self.running_mean, x)) * _by_channel(scale, x)
        if self.weight is None or self.bias is None:
            return normal
        return normal * _by_channel(self.weight, x) + _by_channel(self.bias, x)


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    """One value a channel of ``(n, channels, ...)``."""
    return values.view(-1, *(1,) * (like.ndim - 2))
