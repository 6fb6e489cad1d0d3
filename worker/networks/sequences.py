"""Layers of sequences: embeddings, attention and means."""

import math
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from worker.networks.affine import Affine
from worker.networks.softmax import Softmax


def embedding(num_embeddings: int, embedding_dim: int) -> nn.Module:
    """A row of its weight for every integer."""
    return Embedding(num_embeddings, embedding_dim, device="meta")


def positional_embedding(num_positions: int, embedding_dim: int) -> nn.Module:
    """Adds a row of its weight to every position."""
    return PositionalEmbedding(num_positions, embedding_dim, device="meta")


def attention(
    embed_dim: int, num_heads: int, *, bias: bool = True, causal: bool = False
) -> nn.Module:
    """Attention of positions to each other."""
    return Attention(embed_dim, num_heads, bias=bias, causal=causal)


def mean_positions() -> nn.Module:
    """The mean over positions."""
    return MeanPositions()


@final
class Embedding(nn.Embedding):
    """An embedding of integers of any type."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Rows ``(..., features)`` of integers ``(...)``, which may be floats."""
        return functional.embedding(input.long(), self.weight)


@final
class PositionalEmbedding(nn.Embedding):
    """An embedding of positions, added to what stands there."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Sums ``(n, positions, features)``."""
        return input + self.weight[: input.shape[-2]]


@final
class OutputProjection(nn.Linear):
    """The last affine map of attention, whose bias starts at zero."""


@final
class Attention(nn.Module):
    """Multi-head self-attention with the parameters of PyTorch's.

    Made of matrix products and a softmax: fused kernels have no second derivatives.

    Attributes:
        heads: Number of heads.
        causal: Whether a position sees itself and earlier ones only.
        in_proj_weight: Of queries, keys and values, ``(3 features, features)``.
        in_proj_bias: ``(3 features,)``; None where there is none.
        out_proj: Of the heads' mixtures.
    """

    in_proj_bias: nn.Parameter | None

    def __init__(self, width: int, heads: int, *, bias: bool, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.project = Affine()
        self.softmax = Softmax()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width, device="meta"))
        projected = nn.Parameter(torch.empty(3 * width, device="meta"))
        self.register_parameter("in_proj_bias", projected if bias else None)
        self.out_proj = OutputProjection(width, width, bias=bias, device="meta")

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Mixtures ``(n, positions, features)`` of the same."""
        projected = self.project(x, self.in_proj_weight, self.in_proj_bias)
        apart = projected.unflatten(-1, (3, self.heads, -1)).transpose(-4, -2)
        query, key, value = apart.unbind(-3)
        scores = (query / math.sqrt(query.shape[-1])) @ key.mT
        if self.causal:
            later = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        mixed = self.softmax(scores) @ value
        return self.out_proj(mixed.transpose(-3, -2).flatten(-2))


@final
class MeanPositions(nn.Module):
    """The mean over positions."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        """Means ``(n, features)`` of ``(n, positions, features)``."""
        return x.mean(1)
