"""Every kind of layer between others, in PyTorch and as this service describes it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from tests.support.pytorch.networks import Network
from tests.support.requests.layer_bodies import (
    Fields,
    attention,
    batch_norm,
    embeddings,
    layer_norm,
    linear,
)

TANH: Fields = {"kind": "tanh"}
FLATTEN: Fields = {"kind": "flatten"}


class Attention(nn.Module):
    """Attention of positions to themselves."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.causal = causal

    @override
    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[1]
        mask = torch.ones(size, size, dtype=torch.bool).triu(1) if self.causal else None
        return self.attention(x, x, x, attn_mask=mask, need_weights=True)[0]


class Positions(nn.Module):
    """Adds an embedding of positions."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.position = nn.Embedding(count, width)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x + self.position(torch.arange(x.shape[1]))


class Mean(nn.Module):
    """The mean over positions."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def _images(layer: Callable[[], nn.Module], *fields: Fields) -> Network:
    """On (2, 6, 5), followed by a linear layer on all that it makes."""
    return _followed((2, 6, 5), layer, *fields)


def _series(layer: Callable[[], nn.Module], *fields: Fields) -> Network:
    """On (4, 7), followed by a linear layer on all that it makes."""
    return _followed((4, 7), layer, *fields)


def _followed(
    sample: tuple[int, ...], layer: Callable[[], nn.Module], *fields: Fields
) -> Network:
    size = layer().eval()(torch.zeros(2, *sample))[0].numel()

    def module() -> nn.Module:
        return nn.Sequential(layer(), nn.Tanh(), nn.Flatten(), nn.Linear(size, 3))

    return Network(module, [*fields, TANH, FLATTEN, linear(size, 3)], sample)


def _behind(convolution: nn.Module, layer: nn.Module) -> nn.Module:
    return nn.Sequential(convolution, layer)


_CONV1: dict[str, Any] = {"in_channels": 4, "out_channels": 2, "kernel_size": 2}
_CONV2: dict[str, Any] = {"in_channels": 2, "out_channels": 4, "kernel_size": (2, 3)}
_LAID1: Fields = {"kind": "conv1d", **_CONV1}
_LAID2: Fields = {"kind": "conv2d", **_CONV2, "kernel_size": [2, 3]}


def _after1(layer: Callable[[], nn.Module], fields: Fields) -> Network:
    return _series(lambda: _behind(nn.Conv1d(**_CONV1), layer()), _LAID1, fields)


def _after2(layer: Callable[[], nn.Module], fields: Fields) -> Network:
    return _images(lambda: _behind(nn.Conv2d(**_CONV2), layer()), _LAID2, fields)


_SPREAD: dict[str, Any] = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
LAYERS: dict[str, Network] = {
    "conv1d": _series(lambda: nn.Conv1d(**_CONV1, **_SPREAD), {**_LAID1, **_SPREAD}),
    "conv2d": _images(lambda: nn.Conv2d(**_CONV2, **_SPREAD), {**_LAID2, **_SPREAD}),
    "max_pool1d": _after1(
        lambda: nn.MaxPool1d(3, 2, 1),
        {"kind": "max_pool1d", "kernel_size": 3, "stride": 2, "padding": 1},
    ),
    "max_pool2d": _after2(
        lambda: nn.MaxPool2d((3, 2), 1, 1),
        {"kind": "max_pool2d", "kernel_size": [3, 2], "stride": 1, "padding": 1},
    ),
    "avg_pool1d": _after1(
        lambda: nn.AvgPool1d(3, padding=1),
        {"kind": "avg_pool1d", "kernel_size": 3, "padding": 1},
    ),
    "avg_pool2d": _after2(
        lambda: nn.AvgPool2d(2, 1, 1),
        {"kind": "avg_pool2d", "kernel_size": 2, "stride": 1, "padding": 1},
    ),
    "adaptive_avg_pool1d": _after1(
        lambda: nn.AdaptiveAvgPool1d(4),
        {"kind": "adaptive_avg_pool1d", "output_size": 4},
    ),
    "adaptive_avg_pool2d": _after2(
        lambda: nn.AdaptiveAvgPool2d((3, 1)),
        {"kind": "adaptive_avg_pool2d", "output_size": [3, 1]},
    ),
    "layer_norm": _after2(
        lambda: nn.LayerNorm([5, 3], eps=1e-3),
        {"kind": "layer_norm", "normalized_shape": [5, 3], "eps": 1e-3},
    ),
    "layer_norm without weights": _after1(
        lambda: nn.LayerNorm(6, elementwise_affine=False),
        {**layer_norm(6), "affine": False},
    ),
    "group_norm": _after2(
        lambda: nn.GroupNorm(2, 4, eps=1e-3),
        {"kind": "group_norm", "num_groups": 2, "num_channels": 4, "eps": 1e-3},
    ),
    "batch_norm of vectors": _followed(
        (4,),
        lambda: _behind(nn.Linear(4, 3), nn.BatchNorm1d(3)),
        linear(4, 3),
        batch_norm(3),
    ),
    "batch_norm of series": _after1(lambda: nn.BatchNorm1d(2), batch_norm(2)),
    "batch_norm of images": _after2(
        lambda: nn.BatchNorm2d(4, eps=1e-2), {**batch_norm(4), "eps": 1e-2}
    ),
    "batch_norm without weights": _after2(
        lambda: nn.BatchNorm2d(4, affine=False), {**batch_norm(4), "affine": False}
    ),
    "attention": _followed(
        (5, 4), lambda: Attention(4, 2, causal=False), attention(4, 2)
    ),
    "causal attention": _followed(
        (5, 4), lambda: Attention(4, 1, causal=True), attention(4, 1, causal=True)
    ),
    "embedding": Network(
        lambda: nn.Sequential(
            nn.Embedding(5, 4), Positions(6, 4), Mean(), nn.Tanh(), nn.Linear(4, 3)
        ),
        [*embeddings(5, 6, 4), {"kind": "mean_positions"}, TANH, linear(4, 3)],
        (4,),
        5,
    ),
    "classes of positions": Network(
        lambda: nn.Sequential(
            nn.Embedding(5, 4), Attention(4, 2, causal=True), nn.Linear(4, 3)
        ),
        [embeddings(5, 6, 4)[0], attention(4, 2, causal=True), linear(4, 3)],
        (4,),
        5,
    ),
}
