"""Convolutions as one matrix product of all windows of all samples.

PyTorch's own have no fast kernels for double precision, and none for their second
derivatives: a Hessian product through these takes half the time or less.
"""

from typing import final

from torch import Tensor, nn
from typing_extensions import override


@final
class Convolution1d(nn.Conv1d):
    """A convolution with zero padding."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Convolves ``(n, channels, length)``."""
        return _convolved(self, input)


@final
class Convolution2d(nn.Conv2d):
    """A convolution with zero padding."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Convolves ``(n, channels, height, width)``."""
        return _convolved(self, input)


def _convolved(layer: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    sides = x.ndim - 2
    windows = _windows(layer, x)
    samples, _, *counts = windows.shape[: x.ndim]
    kernel, places = range(x.ndim, x.ndim + sides), range(2, x.ndim)
    columns = windows.permute(1, *kernel, 0, *places)
    columns = columns.flatten(1 + sides).flatten(0, sides)
    weight = layer.weight.flatten(1)
    if layer.groups == 1:
        outputs = weight @ columns
    else:
        apart = (layer.groups, -1)
        products = weight.unflatten(0, apart) @ columns.unflatten(0, apart)
        outputs = products.flatten(0, 1)
    if layer.bias is not None:
        outputs = outputs + layer.bias[:, None]
    return outputs.view(-1, samples, *counts).transpose(0, 1)


def _windows(layer: nn.Conv1d | nn.Conv2d, x: Tensor) -> Tensor:
    """Windows of the padded inputs, ``(n, channels, *counts, *kernel)``."""
    margins = [int(margin) for margin in reversed(layer.padding) for _ in range(2)]
    windows = nn.functional.pad(x, margins)
    for side, size in enumerate(layer.kernel_size):
        spread = layer.dilation[side]
        windows = windows.unfold(2 + side, spread * (size - 1) + 1, layer.stride[side])
        windows = windows[..., ::spread]
    return windows
