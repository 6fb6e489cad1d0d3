"""Eigenvectors: a file for each start, and one of all starts.

Both hold `largest` and `smallest`, unit vectors in the order of the report's values;
their entries are those of the parameters that the metadata name, one after another.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from worker.reports.tensor_files import Pieces, write_pieces
from worker.spectra.spectrum import Eigenpairs

EIGENVECTORS = "eigenvectors.safetensors"
_ENDS = ("largest", "smallest")


def file_of_start(start: int) -> str:
    """Name of the file of one start."""
    return f"eigenvectors-{start}.safetensors"


def write_eigenvectors(
    path: Path, pairs: Eigenpairs, row: int, *, top: int, names: Sequence[str]
) -> None:
    """Writes the eigenvectors of one start.

    Args:
        path: The file.
        pairs: Of the start's batch.
        row: Its row there.
        top: How many at either end; fewer pairs belong to both.
        names: Parameters of the matrix, in order.
    """
    vectors = pairs.vectors[row]
    numbers = {"largest": range(-1, -1 - top, -1), "smallest": range(top)}
    write_pieces(
        path,
        {
            end: Pieces(
                dtype=vectors.dtype,
                shape=(top, vectors.shape[1]),
                pieces=map(vectors.__getitem__, numbers[end]),
            )
            for end in _ENDS
        },
        metadata={"parameters": json.dumps(list(names))},
    )


def join_eigenvectors(files: Sequence[Path], path: Path) -> None:
    """Joins the files of all starts along a new first dimension, row by row.

    Args:
        files: In order of the starts; one that is not there counts as NaN.
        path: The file to write; not written where there are none.
    """
    known = [file for file in files if file.exists()]
    if not known:
        return
    with safe_open(known[0], framework="pt") as file:
        metadata: Mapping[str, str] = file.metadata()
        like: Tensor = file.get_slice("largest")[:1]
        top: int = file.get_slice("largest").get_shape()[0]
    write_pieces(
        path,
        {
            end: Pieces(
                dtype=like.dtype,
                shape=(len(files), top, like.shape[1]),
                pieces=_rows(files, end, top, like),
            )
            for end in _ENDS
        },
        metadata=metadata,
    )


def _rows(files: Sequence[Path], end: str, top: int, like: Tensor) -> Iterator[Tensor]:
    for path in files:
        if not path.exists():
            yield from (torch.full_like(like, torch.nan) for _ in range(top))
            continue
        with safe_open(path, framework="pt") as file:
            rows = file.get_slice(end)
            for number in range(top):
                yield rows[number].to(like.dtype)
