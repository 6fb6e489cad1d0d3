"""Layers of sequential networks.

Modules are templates: their parameters lie on the meta device and have shapes but no
values, which come from flat parameter vectors at every evaluation.
"""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from typing_extensions import override

Pair = int | Sequence[int]


def linear(in_features: int, out_features: int, *, bias: bool = True) -> nn.Module:
    """An affine map of the last dimension."""
    return nn.Linear(in_features, out_features, bias=bias, device="meta")


def conv2d(
    in_channels: int,
    out_channels: int,
    *,
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Pair = 0,
    bias: bool = True,
) -> nn.Module:
    """A convolution with zero padding, on ``(n, channels, height, width)``."""
    return Convolution(
        in_channels,
        out_channels,
        kernel_size=_pair(kernel_size),
        stride=_pair(stride),
        padding=_pair(padding),
        bias=bias,
        device="meta",
    )


@final
class Convolution(nn.Conv2d):
    """A convolution as one matrix product of all windows of all samples.

    PyTorch's own has no fast kernel for double precision, and none for its second
    derivatives: a Hessian product through this one takes half the time or less.
    """

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Convolves ``(n, channels, height, width)``."""
        vertical, horizontal = map(int, self.padding)
        padded = nn.functional.pad(input, (horizontal, horizontal, vertical, vertical))
        windows = padded.unfold(2, self.kernel_size[0], self.stride[0])
        windows = windows.unfold(3, self.kernel_size[1], self.stride[1])
        samples, _, height, width = windows.shape[:4]
        columns = windows.permute(1, 4, 5, 0, 2, 3).flatten(3).flatten(0, 2)
        outputs = self.weight.flatten(1) @ columns
        if self.bias is not None:
            outputs = outputs + self.bias[:, None]
        return outputs.view(-1, samples, height, width).transpose(0, 1)


def flatten() -> nn.Module:
    """Flattens every dimension after the batch into one."""
    return nn.Flatten()


def max_pool2d(
    *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> nn.Module:
    """Maxima over windows; the stride defaults to the kernel size."""
    kernel = _pair(kernel_size)
    step = kernel if stride is None else _pair(stride)
    return nn.MaxPool2d(kernel, stride=step, padding=_pair(padding))


def avg_pool2d(
    *, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0
) -> nn.Module:
    """Means over windows, padding included; the stride defaults to the kernel size."""
    kernel = _pair(kernel_size)
    step = kernel if stride is None else _pair(stride)
    return nn.AvgPool2d(kernel, stride=step, padding=_pair(padding))


def layer_norm(
    normalized_shape: Sequence[int], *, eps: float = 1e-5, affine: bool = True
) -> nn.Module:
    """Normalises the trailing dimensions of every sample."""
    return nn.LayerNorm(
        list(normalized_shape), eps=eps, elementwise_affine=affine, device="meta"
    )


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


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return first, second
