"""Bases of Lanczos vectors, kept where there is room for them.

Vectors may be kept in a lower precision than the products are made in, or on another
device. The Lanczos relation then holds for the vectors as they are kept; what is lost
is their orthonormality, to about the square root of their number times the rounding
unit of their precision. `SearchSpace` adds that to its residual bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.lanczos import orthogonalise

_PART = 1 << 16
"""Entries of a vector that are converted, or rotated, at a time."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where, and in which precision, vectors are kept.

    Attributes:
        dtype: A floating-point type.
        device: Any device.
    """

    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, like: Tensor) -> Self:
        """As a tensor is kept."""
        return cls(dtype=like.dtype, device=like.device)


@final
class Basis:
    """Orthonormal rows for every run, in so many places; free places hold zeros.

    Attributes:
        rows: ``(runs, places, size)``, as they are kept.
    """

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    @classmethod
    def empty(cls, runs: int, places: int, size: int, storage: Storage) -> Self:
        """All places free."""
        return cls(
            torch.zeros(runs, places, size, dtype=storage.dtype, device=storage.device)
        )

    @property
    def places(self) -> int:
        """Number of places."""
        return self.rows.shape[1]

    def as_kept(self, vectors: Tensor) -> Tensor:
        """The vectors rounded to the precision that they will be kept in."""
        return vectors.to(self.rows.dtype).to(vectors.dtype)

    def write(self, run: int, place: int, vector: Tensor) -> None:
        """Puts a vector ``(size,)`` in a place of a run."""
        self.rows[run, place] = vector.to(self.rows)

    def orthogonalise(self, vectors: Tensor, filled: int) -> tuple[Tensor, Tensor]:
        """Removes from vectors their components along the basis, twice.

        Args:
            vectors: ``(runs, size)``.
            filled: Places that are used.

        Returns:
            What remains ``(runs, size)`` and the components removed ``(runs, filled)``.
        """
        if Storage.of(vectors) == Storage.of(self.rows):
            return orthogonalise(self.rows[:, :filled], vectors)
        rest = vectors[:, None].clone()
        removed = vectors.new_zeros(len(vectors), 1, filled)
        for _ in range(2):
            components = torch.zeros_like(removed)
            for part, rows in self._parts(filled, vectors):
                components += torch.bmm(rest[:, :, part], rows.mT)
            for part, rows in self._parts(filled, vectors):
                rest[:, :, part].baddbmm_(components, rows, alpha=-1)
            removed += components
        return rest[:, 0], removed[:, 0]

    def rotate(self, run: int, columns: Tensor) -> None:
        """Replaces a run's rows by combinations of them and frees the other places.

        Args:
            run: Its number.
            columns: Coefficients of the new rows, ``(filled, kept)``.
        """
        filled, kept = columns.shape
        for part in self._pieces():
            old = self.rows[run, :filled, part].to(columns)
            self.rows[run, :kept, part] = (columns.mT @ old).to(self.rows)
        self.rows[run, kept:] = 0

    def _parts(self, filled: int, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Rows converted to compute with."""
        for part in self._pieces():
            yield part, self.rows[:, :filled, part].to(like)

    def _pieces(self) -> Iterator[slice]:
        for start in range(0, self.rows.shape[2], _PART):
            yield slice(start, start + _PART)
