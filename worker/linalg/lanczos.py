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


def lanczos(operator: SymmetricOperator, start: Tensor, *, steps: int) -> Decomposition:
    """Decomposes every operator from its start vector, with full re-orthogonalisation.

    Args:
        operator: The matrices.
        start: Start vectors, ``(runs, size)``, none of them zero.
        steps: Number of steps; at most ``size`` are made.

    Returns:
        The decomposition.
    """
    runs, size = start.shape
    steps = min(steps, size)
    basis = start.new_zeros(runs, steps, size)
    diagonal, betas = start.new_zeros(2, runs, steps)
    vector = start / torch.linalg.vector_norm(start, dim=1, keepdim=True)
    scale = start.new_zeros(runs)
    alive = torch.ones(runs, dtype=torch.bool, device=start.device)
    length = torch.zeros(runs, dtype=torch.int64, device=start.device)
    for step in range(steps):
        length += alive
        basis[:, step] = vector
        remainder, components = orthogonalise(
            basis[:, : step + 1], operator.matvec(vector)
        )
        alpha = components[:, step]
        beta = torch.linalg.vector_norm(remainder, dim=1)
        scale = torch.maximum(scale, alpha.abs() + beta)
        diagonal[:, step] = torch.where(alive, alpha, diagonal[:, 0])
        alive = alive & (beta > negligible(scale, size))
        betas[:, step] = torch.where(alive, beta, 0)
        vector = torch.where(alive[:, None], remainder / beta[:, None], 0)
    return Decomposition(
        basis=basis,
        diagonal=diagonal,
        off_diagonal=betas[:, :-1],
        last_beta=betas[:, -1],
        last_vector=vector,
        length=length,
    )


def orthogonalise(basis: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Removes from vectors their components along a basis, twice.

    Args:
        basis: Orthonormal rows, ``(runs, k, size)``; zero rows are allowed.
        vectors: ``(runs, size)``.

    Returns:
        What remains ``(runs, size)`` and the components removed ``(runs, k)``.
    """
    removed = basis.new_zeros(basis.shape[:2])
    for _ in range(2):
        # Rows times matrices: several times faster than matrices times columns.
        components = torch.bmm(vectors[:, None], basis.mT)
        vectors = vectors - torch.bmm(components, basis)[:, 0]
        removed = removed + components[:, 0]
    return vectors, removed


def negligible(scale: Tensor, size: int) -> Tensor:
    """Norms that are rounding errors of products of norm ``scale``, elementwise."""
    return 10 * torch.finfo(scale.dtype).eps * size**0.5 * scale
