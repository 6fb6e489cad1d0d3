"""Arrays of all starts, joined from those of the shards."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


def join_arrays(parts: Sequence[Path], path: Path) -> None:
    """Joins files of equal names along their first dimension, the starts.

    A shorter second dimension is padded with NaN.

    Args:
        parts: Safetensors files.
        path: The file to write.
    """
    with safe_open(parts[0], framework="pt") as file:
        names = list(file.keys())
    save_file({name: _join(parts, name) for name in names}, path)


def _join(parts: Sequence[Path], name: str) -> Tensor:
    pieces: list[Tensor] = []
    for part in parts:
        with safe_open(part, framework="pt") as file:
            pieces.append(file.get_tensor(name))
    if pieces[0].ndim > 1:
        longest = max(piece.shape[1] for piece in pieces)
        pieces = [_pad(piece, longest) for piece in pieces]
    return torch.cat(pieces)


def _pad(piece: Tensor, length: int) -> Tensor:
    missing = length - piece.shape[1]
    if missing == 0:
        return piece
    padding = piece.new_full((len(piece), missing, *piece.shape[2:]), torch.nan)
    return torch.cat([piece, padding], dim=1)
