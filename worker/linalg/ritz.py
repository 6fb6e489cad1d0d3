"""What a Lanczos decomposition tells of the spectrum.

References:
    G. H. Golub, G. Meurant, Matrices, Moments and Quadrature with Applications,
    Princeton (2010), chapter 6: the Gauss rule of a Jacobi matrix.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.lanczos import Decomposition


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RitzPairs:
    """Approximate eigenpairs from a Lanczos decomposition.

    Attributes:
        values: Ascending, ``(runs, k)``.
        coordinates: Unit vectors in the Lanczos basis, by columns, ``(runs, k, k)``.
        bounds: Each value lies this close to an eigenvalue, ``(runs, k)``.
    """

    values: Tensor
    coordinates: Tensor
    bounds: Tensor

    def vectors(self, basis: Tensor) -> Tensor:
        """Ritz vectors by rows, ``(runs, k, size)``, from the Lanczos basis."""
        return torch.bmm(self.coordinates.mT, basis)


def ritz_pairs(decomposition: Decomposition) -> RitzPairs:
    """Ritz values and vectors with their residual norms ``|beta s_k|``.

    Args:
        decomposition: Of a batch of operators.

    Returns:
        The pairs; NaN for a run whose decomposition is not finite.
    """
    values, coordinates = finite_eigh(_tridiagonal(decomposition))
    return RitzPairs(
        values=values,
        coordinates=coordinates,
        bounds=(decomposition.last_beta[:, None] * coordinates[:, -1]).abs(),
    )


def gauss_quadrature(decomposition: Decomposition) -> tuple[Tensor, Tensor]:
    """The Gauss rule of the spectral measure that the start vector defines.

    The rule is exact for ``v^T f(H) v``, ``v`` the unit start vector, where ``f`` is a
    polynomial of degree below twice the steps.

    Args:
        decomposition: Of a batch of operators.

    Returns:
        Nodes, ascending, and weights, of sum one, ``(runs, k)`` each; nodes past a
        breakdown have weight zero.
    """
    pairs = ritz_pairs(decomposition)
    return pairs.values, pairs.coordinates[:, 0] ** 2


def finite_eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, NaN for a matrix that is not finite.

    Args:
        matrices: Symmetric, ``(runs, k, k)``; only their lower triangles are read.

    Returns:
        Values ``(runs, k)``, ascending, and vectors by columns ``(runs, k, k)``.
    """
    finite = matrices.isfinite().all(dim=2).all(dim=1)[:, None]
    values, vectors = torch.linalg.eigh(torch.where(finite[:, :, None], matrices, 0))
    return (
        torch.where(finite, values, torch.nan),
        torch.where(finite[:, :, None], vectors, torch.nan),
    )


def _tridiagonal(decomposition: Decomposition) -> Tensor:
    beta = decomposition.off_diagonal
    return (
        torch.diag_embed(decomposition.diagonal)
        + torch.diag_embed(beta, offset=1)
        + torch.diag_embed(beta, offset=-1)
    )
