"""What a batched linear solve returns."""

from dataclasses import dataclass
from enum import Enum
from typing import final

from torch import Tensor


class SolveStop(Enum):
    """Why the solve of one run stopped."""

    ZERO_RHS = "the right-hand side is zero"
    RESIDUAL = "the relative residual reached rtol"
    COKERNEL_RESIDUAL = "the relative co-kernel residual reached rtol"
    SOLUTION_NORM = "the next term would exceed the largest solution norm"
    CONDITION = "the condition number reached its limit"
    ITERATIONS = "the iterations were used up"
    NOT_FINITE = "a product was not finite"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Minimum-length least-squares solutions of ``H x = b``, one for each run.

    The residuals are those of the returned ``x``, by a product with it, and not the
    running estimates that stopped the solve.

    Attributes:
        x: Solutions, ``(runs, size)``.
        residual: ``r = b - H x``, ``(runs, size)``.
        stop: Why each run stopped.
        iterations: Krylov steps in ``x``, integers ``(runs,)``.
        residual_norm: ``|r|``, ``(runs,)``.
        cokernel_residual_norm: ``|H r|``, ``(runs,)``.
        norm_estimate: The Krylov process's estimate of ``|H|``, ``(runs,)``.
        relative_residual: ``|r| / (|H| |x| + |b|)`` with that estimate, ``(runs,)``.
        relative_cokernel_residual: ``|H r| / (|H| |r|)`` with it, ``(runs,)``.
        products: Products each run needed, two for the residuals included, integers
            ``(runs,)``.
    """

    x: Tensor
    residual: Tensor
    stop: list[SolveStop]
    iterations: Tensor
    residual_norm: Tensor
    cokernel_residual_norm: Tensor
    norm_estimate: Tensor
    relative_residual: Tensor
    relative_cokernel_residual: Tensor
    products: Tensor
