"""One decomposition of ``(H, g)`` that serves every damping of a Newton step.

`reduce` decomposes a batch of Hessians and gradients once. The reduction then gives,
for any number of ``mu``, the minimisers of ``|g + H p|^2 + mu |p|^2`` and, for any
number of ``gamma``, the solutions of ``(H + gamma) p = -g``, at the price of a few
products of small matrices each.
"""

from typing import Protocol

from torch import Tensor

from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.linalg.reductions.krylov_growth import GROWTH_TOLERANCE, krylov_reduction
from worker.linalg.reductions.krylov_reduction import KrylovReduction
from worker.linalg.reductions.spectral_reduction import (
    SpectralReduction,
    spectral_reduction,
)
from worker.linalg.reductions.steps import Steps

__all__ = ["KrylovReduction", "Reduction", "SpectralReduction", "Steps", "reduce"]


class Reduction(Protocol):
    """``H`` as far as steps from ``g`` are concerned, for a batch of runs."""

    @property
    def norm(self) -> Tensor:
        """``|H|_F`` where ``H`` is formed, else an estimate of ``|H|``, ``(runs,)``."""
        ...

    @property
    def products(self) -> Tensor:
        """Hessian products that each run has cost, integers ``(runs,)``."""
        ...

    def regularised(self, regularisations: Tensor) -> Steps:
        """Minimisers of ``|g + H p|^2 + mu |p|^2``, for ``mu`` of ``(k, runs)``."""
        ...

    def damped(self, dampings: Tensor) -> Steps:
        """Solutions of ``(H + gamma) p = -g``, for ``gamma`` of ``(k, runs)``."""
        ...

    def correction(self, residuals: Tensor, regularisations: Tensor) -> Tensor:
        """Minimisers of ``|r + H a|^2 + mu |a|^2`` for residuals other than ``g``.

        A Krylov space of ``g`` holds only a part of them.

        Args:
            residuals: ``r``, ``(runs, size)``.
            regularisations: ``mu``, ``(runs,)``.

        Returns:
            ``a``, ``(runs, size)``.
        """
        ...

    def coordinates(self) -> tuple[SymmetricOperator, Tensor]:
        """``H`` and ``g`` in a basis; Krylov solves of fewer steps are the same in it.

        As many steps as the basis has vectors are too many where it does not span the
        whole space.
        """
        ...

    def take(self, rows: Tensor) -> "Reduction":
        """The reduction of the runs with the given numbers, ``(k,)`` integers."""
        ...


def reduce(
    operator: SymmetricOperator,
    gradient: Tensor,
    *,
    regularisations: Tensor | None = None,
    dampings: Tensor | None = None,
    tolerance: float = GROWTH_TOLERANCE,
    max_dimension: int | None = None,
) -> Reduction:
    """Decomposes every Hessian, exactly where it is formed.

    Else a Krylov space grows from the gradient, run by run, until it gives the steps
    asked for; steps for other ``mu`` and ``gamma`` can be had from it as well, good
    ones where these are larger.

    Args:
        operator: The Hessians ``H``; a DenseOperator is decomposed exactly.
        gradient: ``g``, ``(runs, size)``.
        regularisations: The ``mu`` for which a Krylov space is to suffice,
            ``(k, runs)``.
        dampings: The ``gamma`` for which it is to suffice, ``(k, runs)``.
        tolerance: What may be missing: of the reduction of the regularised
            ``|g|^2``, as a share of it; of a damped system, its residual's share of
            ``|g|``.
        max_dimension: Of a Krylov space; the size at most. None is the size, 512, or
            what 256 MiB hold for a run, whichever is least.

    Returns:
        The reduction.
    """
    if isinstance(operator, DenseOperator):
        return spectral_reduction(operator, gradient)
    return krylov_reduction(
        operator,
        gradient,
        regularisations=regularisations,
        dampings=dampings,
        tolerance=tolerance,
        max_dimension=max_dimension,
    )
