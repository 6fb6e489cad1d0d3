"""Layers that pool."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from typing_extensions import override

Pair = int | Sequence[int]


def max_pool1d(
    *, kernel_size: int, stride: int | None = None, padding: int = 0
) -> nn.Module:
    """Maxima over windows; the stride defaults to the kernel size."""
    step = kernel_size if stride is None else stride
    return nn.MaxPool1d(kernel_size, stride=step, padding=padding)


def max_pool2d(
    *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> nn.Module:
    """Maxima over windows; the stride defaults to the kernel size."""
    kernel = pair(kernel_size)
    step = kernel if stride is None else pair(stride)
    return nn.MaxPool2d(kernel, stride=step, padding=pair(padding))


def avg_pool1d(
    *, kernel_size: int, stride: int | None = None, padding: int = 0
) -> nn.Module:
    """Means over windows, padding included; the stride defaults to the kernel size."""
    step = kernel_size if stride is None else stride
    return nn.AvgPool1d(kernel_size, stride=step, padding=padding)


def avg_pool2d(
    *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> nn.Module:
    """Means over windows, padding included; the stride defaults to the kernel size."""
    kernel = pair(kernel_size)
    step = kernel if stride is None else pair(stride)
    return nn.AvgPool2d(kernel, stride=step, padding=pair(padding))


def adaptive_avg_pool1d(*, output_size: int) -> nn.Module:
    """So many means over the length."""
    return AdaptiveMeans((output_size,))


def adaptive_avg_pool2d(*, output_size: Pair) -> nn.Module:
    """So many means down and across."""
    return AdaptiveMeans(pair(output_size))


@final
class AdaptiveMeans(nn.Module):
    """Means over overlapping ranges that cover every side, as a matrix product each.

    Range ``i`` of ``m`` over a side of ``k`` is from ``floor(i k / m)`` to
    ``ceil((i + 1) k / m)``, as PyTorch has it.

    Attributes:
        output_size: Means of each side.
    """

    def __init__(self, output_size: tuple[int, ...]) -> None:
        super().__init__()
        self.output_size = output_size

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Means of ``(n, channels, ...)``."""
        for side, count in enumerate(self.output_size, start=2):
            if count == 1:
                x = x.mean(side, keepdim=True)
            elif count != x.shape[side]:
                x = (x.movedim(side, -1) @ _means(x, x.shape[side], count)).movedim(
                    -1, side
                )
        return x


def pair(value: Pair) -> tuple[int, int]:
    """Height and width of what is given as one number for both, or as two."""
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second


def _means(like: Tensor, size: int, count: int) -> Tensor:
    """Weights of every place in every mean, ``(size, count)``."""
    places = torch.arange(size, device=like.device)[:, None]
    number = torch.arange(count, device=like.device)
    first, end = number * size // count, -(-(number + 1) * size // count)
    inside = (places >= first) & (places < end)
    return inside.to(like.dtype) / (end - first)
