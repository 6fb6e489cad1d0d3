"""Lanczos decompositions of a batch of symmetric operators.

References:
    B. N. Parlett, The Symmetric Eigenvalue Problem, SIAM (1998), chapter 13;
    orthogonalising twice is enough by section 6.9.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """``H V = V T + beta v e_k^T`` with orthonormal ``V`` and tridiagonal ``T``.

    Where a run's Krylov space ended after fewer than ``k`` steps, its spare basis
    vectors are zero and the spare part of ``T`` is decoupled, with the first entry of
    the diagonal all along, so that it adds no Ritz value outside the others' range.

    Attributes:
        basis: ``V`` by rows, ``(runs, k, size)``.
        diagonal: Of ``T``, ``(runs, k)``.
        off_diagonal: Of ``T``, ``(runs, k - 1)``.
        last_beta: ``beta``, ``(runs,)``; zero where the Krylov space ended.
        last_vector: ``v``, ``(runs, size)``; zero where the Krylov space ended.
        length: Dimensions of the Krylov spaces, integers ``(runs,)``.
    """

    basis: Tensor
    diagonal: Tensor
    off_diagonal: Tensor
    last_beta: Tensor
    last_vector: Tensor
    length: Tensor


@final
class GrowingLanczos:
    """A Lanczos process that can be taken further, with full re-orthogonalisation.

    Attributes:
        steps: Made so far.
    """

    def __init__(self, start: Tensor) -> None:
        """Begins with start vectors, ``(runs, size)``; a zero vector ends at once."""
        runs, size = start.shape
        norm = torch.linalg.vector_norm(start, dim=1)
        self.steps = 0
        self._basis = start.new_zeros(runs, 0, size)
        self._diagonal, self._betas = start.new_zeros(2, runs, 0)
        self._scale = start.new_zeros(runs)
        self._alive = norm != 0  # NaN goes on, to be seen in the results
        self._vector = torch.where(self._alive[:, None], start / norm[:, None], 0)
        self._length = torch.zeros(runs, dtype=torch.int64, device=start.device)

    def extend(self, operator: SymmetricOperator, steps: int) -> None:
        """Makes more steps, as long as there are dimensions left.

        Args:
            operator: The matrices, the same ones each time.
            steps: Number of steps.
        """
        size = self._basis.shape[2]
        first, self.steps = self.steps, min(self.steps + steps, size)
        self._basis = _lengthened(self._basis, self.steps)
        self._diagonal = _lengthened(self._diagonal, self.steps)
        self._betas = _lengthened(self._betas, self.steps)
        for step in range(first, self.steps):
            self._step(step, operator)

    def keep(self, rows: Tensor) -> None:
        """Goes on with the runs of the given numbers only, ``(k,)`` integers."""
        self._basis = self._basis[rows]
        self._diagonal, self._betas = self._diagonal[rows], self._betas[rows]
        self._scale, self._alive = self._scale[rows], self._alive[rows]
        self._vector, self._length = self._vector[rows], self._length[rows]

    def decomposition(self) -> Decomposition:
        """What the steps so far have found, at least one."""
        return Decomposition(
            basis=self._basis,
            diagonal=self._diagonal,
            off_diagonal=self._betas[:, :-1],
            last_beta=self._betas[:, -1],
            last_vector=self._vector,
            length=self._length,
        )

    def _step(self, step: int, operator: SymmetricOperator) -> None:
        vector, alive = self._vector, self._alive
        self._length = self._length + alive
        self._basis[:, step] = vector
        remainder, components = orthogonalise(
            self._basis[:, : step + 1], operator.matvec(vector)
        )
        alpha = components[:, step]
        beta = torch.linalg.vector_norm(remainder, dim=1)
        self._scale = torch.maximum(self._scale, alpha.abs() + beta)
        self._diagonal[:, step] = torch.where(alive, alpha, self._diagonal[:, 0])
        self._alive = alive & (beta > negligible(self._scale, vector.shape[1]))
        self._betas[:, step] = torch.where(self._alive, beta, 0)
        self._vector = torch.where(self._alive[:, None], remainder / beta[:, None], 0)


def lanczos(operator: SymmetricOperator, start: Tensor, *, steps: int) -> Decomposition:
    """Decomposes every operator from its start vector, with full re-orthogonalisation.

    Args:
        operator: The matrices.
        start: Start vectors, ``(runs, size)``, none of them zero.
        steps: Number of steps; at most ``size`` are made.

    Returns:
        The decomposition.
    """
    process = GrowingLanczos(start)
    process.extend(operator, steps)
    return process.decomposition()


def orthogonalise(basis: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Removes from vectors their components along a basis, twice.

    Args:
        basis: Orthonormal rows, ``(runs, k, size)``; zero rows are allowed.
        vectors: ``(runs, size)``.

    Returns:
        What remains ``(runs, size)`` and the components removed ``(runs, k)``.
    """
    # Rows times matrices: several times faster than matrices times columns.
    rest = vectors[:, None]
    first = torch.bmm(rest, basis.mT)
    rest = torch.baddbmm(rest, first, basis, alpha=-1)
    second = torch.bmm(rest, basis.mT)
    rest = torch.baddbmm(rest, second, basis, alpha=-1)
    return rest[:, 0], (first + second)[:, 0]


def negligible(scale: Tensor, size: int) -> Tensor:
    """Norms that are rounding errors of products of norm ``scale``, elementwise."""
    return 10 * torch.finfo(scale.dtype).eps * size**0.5 * scale


def _lengthened(tensor: Tensor, length: int) -> Tensor:
    """The tensor with its second dimension filled up with zeros."""
    longer = tensor.new_zeros(tensor.shape[0], length, *tensor.shape[2:])
    longer[:, : tensor.shape[1]] = tensor
    return longer
