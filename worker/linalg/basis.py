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

    def write(self, runs: Tensor, places: Tensor, vectors: Tensor) -> None:
        """Puts vectors ``(k, size)`` in places ``(k,)`` of runs ``(k,)``."""
        device = self.rows.device
        self.rows[runs.to(device), places.to(device)] = vectors.to(self.rows)

    def orthogonalise(self, vectors: Tensor, filled: int) -> tuple[Tensor, Tensor]:
        """Removes from vectors their components along the basis, twice.

        Args:
            vectors: ``(runs, size)``.
            filled: Places that are used.

        Returns:
            What remains ``(runs, size)`` and the components removed ``(runs, filled)``.
        """
        removed = vectors.new_zeros(len(vectors), filled)
        for _ in range(2):
            # Rows times matrices: several times faster than matrices times columns.
            components = torch.zeros_like(removed)
            for part in self._parts(vectors):
                rows = self._rows(filled, part, vectors)
                components += torch.bmm(vectors[:, None, part], rows.mT)[:, 0]
            remainder = torch.empty_like(vectors)
            for part in self._parts(vectors):
                rows = self._rows(filled, part, vectors)
                along = torch.bmm(components[:, None], rows)[:, 0]
                torch.sub(vectors[:, part], along, out=remainder[:, part])
            vectors = remainder
            removed += components
        return vectors, removed

    def rotate(self, run: int, columns: Tensor) -> None:
        """Replaces a run's rows by combinations of them and frees the other places.

        Args:
            run: Its number.
            columns: Coefficients of the new rows, ``(filled, kept)``.
        """
        filled, kept = columns.shape
        for part in self._pieces(_PART):
            old = self.rows[run, :filled, part].to(columns)
            self.rows[run, :kept, part] = (columns.mT @ old).to(self.rows)
        self.rows[run, kept:] = 0

    def _rows(self, filled: int, part: slice, like: Tensor) -> Tensor:
        return self.rows[:, :filled, part].to(like)

    def _parts(self, vectors: Tensor) -> Iterator[slice]:
        """The whole at once where nothing needs to be converted."""
        kept_alike = Storage.of(vectors) == Storage.of(self.rows)
        return self._pieces(self.rows.shape[2] if kept_alike else _PART)

    def _pieces(self, length: int) -> Iterator[slice]:
        for start in range(0, self.rows.shape[2], max(1, length)):
            yield slice(start, start + length)
