"""A small attention network, from matrix products and softmax alone."""

from typing import final

import torch
from torch import Tensor, nn
from typing_extensions import override


@final
class SelfAttention(nn.Module):
    """Multi-head attention of every token to all tokens.

    Attributes:
        heads: Number of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.softmax = nn.Softmax(dim=-1)
        self.join = nn.Linear(width, width)

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        """Mixes tokens ``(n, tokens, width)``."""
        split = self.project(tokens).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.mT / query.shape[-1] ** 0.5
        mixed = self.softmax(scores) @ value
        return self.join(mixed.transpose(1, 2).flatten(2))


@final
class Block(nn.Module):
    """Attention and a dense layer of each token, each added to what it was given."""

    def __init__(self, width: int, heads: int, *, norm: bool) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.LayerNorm(width) if norm else nn.Identity(), SelfAttention(width, heads)
        )
        self.think = nn.Sequential(
            nn.LayerNorm(width) if norm else nn.Identity(),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )

    @override
    def forward(self, tokens: Tensor) -> Tensor:
        """Maps tokens ``(n, tokens, width)``."""
        tokens = tokens + self.attend(tokens)
        return tokens + self.think(tokens)


@final
class AttentionNetwork(nn.Module):
    """Classifies square images by attention between square patches.

    Attributes:
        patch: Side of a patch.
    """

    def __init__(
        self,
        *,
        side: int,
        patch: int,
        width: int,
        heads: int,
        blocks: int,
        classes: int,
        norm: bool,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(patch * patch, width)
        self.positions = nn.Parameter(torch.zeros((side // patch) ** 2, width))
        self.blocks = nn.Sequential(
            *(Block(width, heads, norm=norm) for _ in range(blocks))
        )
        self.normalise = nn.LayerNorm(width) if norm else nn.Identity()
        self.classify = nn.Linear(width, classes)

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Scores ``(n, classes)`` of images ``(n, 1, side, side)``."""
        rows = images.squeeze(1).unflatten(1, (-1, self.patch))
        patches = rows.unflatten(3, (-1, self.patch)).transpose(2, 3)
        tokens = self.embed(patches.flatten(3).flatten(1, 2)) + self.positions
        tokens = self.normalise(self.blocks(tokens))
        return self.classify(tokens.mean(1))
