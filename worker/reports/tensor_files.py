"""Safetensors files written piece by piece, so that nothing is copied first.

The format is that of https://github.com/huggingface/safetensors: the length of a
header, the header in JSON, and the bytes of all tensors in its order.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.int64: "I64",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ALIGNMENT = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """A tensor that comes in pieces along its first dimension.

    Attributes:
        dtype: Of every piece.
        shape: Of the whole.
        pieces: In order; each is asked for when the one before it is written.
    """

    dtype: torch.dtype
    shape: Sequence[int]
    pieces: Iterable[Tensor]

    @property
    def bytes(self) -> int:
        """Of the whole."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str]
) -> None:
    """Writes tensors by name, wherever they are."""
    whole = {
        name: Pieces(dtype=each.dtype, shape=each.shape, pieces=[each])
        for name, each in tensors.items()
    }
    write_pieces(path, whole, metadata=metadata)


def write_pieces(
    path: Path, tensors: Mapping[str, Pieces], *, metadata: Mapping[str, str]
) -> None:
    """Writes tensors by name that come in pieces, one piece in memory at a time."""
    # Wider numbers first keeps all of them aligned.
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name in order:
        begin, end = end, end + tensors[name].bytes
        header[name] = {
            "dtype": _NAMES[tensors[name].dtype],
            "shape": list(tensors[name].shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            for piece in tensors[name].pieces:
                _write(file, piece)


def _write(file: BinaryIO, tensor: Tensor) -> None:
    flat = tensor.detach().cpu().contiguous().flatten()
    file.write(flat.view(torch.uint8).numpy().data)
