"""Diagonal blocks of symmetric operators."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """The block of an operator at some of its rows and the same columns.

    Attributes:
        operator: The whole.
        entries: Numbers of the rows, ascending, ``(size,)`` integers.
        dtype: Precision of the products.
        formed_whole: Whether the block is cut out of the whole matrix where it is
            formed; else it is made of products.
    """

    operator: SymmetricOperator
    entries: Tensor
    dtype: torch.dtype
    formed_whole: bool

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self.operator.runs

    @property
    def size(self) -> int:
        """Order of each block."""
        return len(self.entries)

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        padded = vectors.new_zeros(len(vectors), self.operator.size)
        padded[:, self.entries] = vectors
        return self.operator.matvec(padded)[:, self.entries]

    def dense(self) -> Tensor:
        """The blocks themselves, ``(runs, size, size)``."""
        if self.formed_whole:
            rows = self.operator.dense()[:, self.entries]
            return rows[:, :, self.entries]
        units = torch.eye(self.size, dtype=self.dtype, device=self.entries.device)
        columns = [self.matvec(unit.expand(self.runs, -1)) for unit in units]
        blocks = torch.stack(columns, dim=2)
        return (blocks + blocks.mT) / 2

    def take(self, rows: Tensor) -> "Restriction":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return Restriction(
            operator=self.operator.take(rows),
            entries=self.entries,
            dtype=self.dtype,
            formed_whole=self.formed_whole,
        )
