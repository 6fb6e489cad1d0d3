"""Symmetric operators over a batch of runs: one square matrix for each run."""

from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor


class SymmetricOperator(Protocol):
    """``runs`` symmetric matrices of order ``size``, known by their products."""

    @property
    def runs(self) -> int:
        """Number of matrices."""
        ...

    @property
    def size(self) -> int:
        """Order of each matrix."""
        ...

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        ...

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        ...

    def take(self, rows: Tensor) -> "SymmetricOperator":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DenseOperator:
    """An operator that holds its matrices.

    Attributes:
        matrices: Symmetric, ``(runs, size, size)``.
    """

    matrices: Tensor

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self.matrices.shape[0]

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return self.matrices.shape[-1]

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        # Rows times matrices: several times faster than matrices times columns.
        return torch.bmm(vectors[:, None], self.matrices)[:, 0]

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        return self.matrices

    def take(self, rows: Tensor) -> "DenseOperator":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return DenseOperator(matrices=self.matrices[rows])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DiagonalOperator:
    """Diagonal matrices: symmetric ones in the coordinates of their eigenvectors.

    Attributes:
        values: The diagonals, ``(runs, size)``.
    """

    values: Tensor

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self.values.shape[0]

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return self.values.shape[1]

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        return self.values * vectors

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        return torch.diag_embed(self.values)

    def take(self, rows: Tensor) -> "DiagonalOperator":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return DiagonalOperator(values=self.values[rows])
