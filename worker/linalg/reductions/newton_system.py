"""The system of a Newton step, where a Krylov solver takes products cheaply."""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.linalg.reductions.spectral_reduction import spectral_reduction


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewtonSystem:
    """``H p = -g`` in some orthonormal coordinates.

    A formed Hessian is decomposed: in the coordinates of its eigenvectors a product
    costs ``size`` multiplications instead of ``size^2``, and lengths are the same.

    Attributes:
        hessian: ``H`` there.
        rhs: ``-g`` there, ``(runs, size)``.
        vectors: The coordinate vectors by columns, ``(runs, size, size)``; None where
            they are those of ``p``.
    """

    hessian: SymmetricOperator
    rhs: Tensor
    vectors: Tensor | None

    @classmethod
    def of(cls, hessian: SymmetricOperator, gradient: Tensor) -> Self:
        """The system of Hessians and gradients ``(runs, size)``."""
        if not isinstance(hessian, DenseOperator):
            return cls(hessian=hessian, rhs=-gradient, vectors=None)
        reduction = spectral_reduction(hessian, gradient)
        diagonal, coefficients = reduction.coordinates()
        return cls(hessian=diagonal, rhs=-coefficients, vectors=reduction.vectors)

    def lift(self, solution: Tensor) -> Tensor:
        """``p`` from its coordinates, both ``(runs, size)``."""
        if self.vectors is None:
            return solution
        return torch.bmm(solution[:, None], self.vectors.mT)[:, 0]

    def take(self, rows: Tensor) -> Self:
        """The systems of the runs with the given numbers, ``(k,)`` integers."""
        return type(self)(
            hessian=self.hessian.take(rows),
            rhs=self.rhs[rows],
            vectors=None if self.vectors is None else self.vectors[rows],
        )
