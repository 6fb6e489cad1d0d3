"""Krylov spaces that grow from the gradient as far as steps need them.

With ``H V_k = V_{k+1} T`` of a Lanczos process and steps ``p = V_k y``:

- The regularised ones minimise ``||g| e_1 + T y|^2 + mu |y|^2``. Of the minimiser in
  ``V_{k-1}`` the slope ``H (g + H p) + mu p`` in all of the problem is known, since its
  products lie in ``V_{k+1}``. Its square over ``mu`` bounds what larger spaces could
  still gain.
- The damped ones solve ``(T_k + gamma) y = -|g| e_1``; their residual is
  ``beta_k |y_k|``. Of several only the best is taken, so that a space suffices where
  one of them leaves next to nothing of ``g + H p``. Where ``H`` is nearly singular
  undamped systems are never solved; then the space ends where MINRES would: where the
  least residual ``r`` is nearly in the kernel.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from worker.linalg.lanczos import Decomposition, GrowingLanczos
from worker.linalg.operators import SymmetricOperator
from worker.linalg.reductions.krylov_reduction import KrylovReduction, finite

GROWTH_TOLERANCE = 1e-2
KERNEL_TOLERANCE = 5e-4
"""``|H r| / (|H| |r|)`` below which a residual counts as in the kernel."""
_FIRST_DIMENSION = 8
_GROWTH = 1.25  # of the dimension, from one look at the steps to the next
_MOST_DIMENSION = 512
_BASIS_BYTES = 2**28  # of one run
_COPIES = 2.25  # of the basis: where it is lengthened, where runs are put together
_PROJECTIONS = 8  # matrices of the space's order: T, its factors, their work space

Part = tuple[Tensor, KrylovReduction]
"""Numbers of runs, and their reduction."""


def krylov_reduction(
    operator: SymmetricOperator,
    gradient: Tensor,
    *,
    regularisations: Tensor | None = None,
    dampings: Tensor | None = None,
    tolerance: float = GROWTH_TOLERANCE,
    max_dimension: int | None = None,
) -> KrylovReduction:
    """Grows Krylov spaces from the gradients; each run's stops when it suffices.

    Args:
        operator: The Hessians ``H``.
        gradient: ``g``, ``(runs, size)``.
        regularisations: The ``mu`` for which it is to suffice, ``(k, runs)``.
        dampings: The ``gamma`` for which it is to suffice, ``(k, runs)``.
        tolerance: What may be missing: of the reduction of the regularised
            ``|g|^2``, as a share of it; of damped steps, the share of ``|g|^2`` that
            the best one leaves of ``|g + H p|^2``, or the share of ``|g|`` that every
            one leaves of its system.
        max_dimension: Where a space ends at last; the size at most. None is the size,
            512, or what 256 MiB hold for a run, whichever is least.

    Returns:
        The reduction; NaN for a run with a product that is not finite.
    """
    runs, size = gradient.shape
    empty = gradient.new_zeros(0, runs)
    parts = _grown(
        operator,
        gradient,
        regularisations=empty if regularisations is None else regularisations,
        dampings=empty if dampings is None else dampings,
        tolerance=tolerance,
        limit=min(size, max_dimension or _fitting(size, gradient.element_size())),
    )
    return _gathered(list(parts), gradient)


def krylov_vectors(size: int, item: int) -> int:
    """Vectors of ``size`` numbers that a run holds while its space grows, at most.

    Memory is taken as a space grows, and most end far sooner; but how soon is not known
    before, and what is refused or batched by this bound must be able to end.

    Args:
        size: Length of a vector.
        item: Bytes of a number.

    Returns:
        How many.
    """
    most = min(size, _fitting(size, item))
    return math.ceil(_COPIES * (most + 1) + _PROJECTIONS * most * most / size)


def _fitting(size: int, item: int) -> int:
    fitting = max(_FIRST_DIMENSION, _BASIS_BYTES // (size * item))
    return min(_MOST_DIMENSION, fitting)


def _grown(
    operator: SymmetricOperator,
    gradient: Tensor,
    *,
    regularisations: Tensor,
    dampings: Tensor,
    tolerance: float,
    limit: int,
) -> Iterator[Part]:
    """Runs as they are done."""
    process = GrowingLanczos(gradient)
    norm = torch.linalg.vector_norm(gradient, dim=1)
    rows = torch.arange(len(gradient), device=gradient.device)
    while len(rows):
        wanted = max(_FIRST_DIMENSION, int(_GROWTH * process.steps) + 1)
        process.extend(operator, min(wanted, limit) - process.steps)
        if process.steps == limit:
            enough = torch.ones_like(rows, dtype=torch.bool)
        else:
            # No name may hold a basis: it would keep it while the next one is made.
            enough = _suffices(
                process.decomposition(),
                norm[rows],
                regularisations=regularisations[:, rows],
                dampings=dampings[:, rows],
                tolerance=tolerance,
            )
        ready, left = enough.nonzero()[:, 0], (~enough).nonzero()[:, 0]
        if len(ready):
            done = rows[ready]
            yield done, _reduction(process.decomposition(), norm[done], ready)
        if len(ready) and len(left):
            operator = operator.take(left)
            process.keep(left)
        rows = rows[left]


def _suffices(
    found: Decomposition,
    norm: Tensor,
    *,
    regularisations: Tensor,
    dampings: Tensor,
    tolerance: float,
) -> Tensor:
    """Whether a run's space is large enough, or whole, ``(runs,)`` bool."""
    T = _projection(found)
    return (
        (found.last_beta == 0)
        | ~finite(T)
        | (
            _regularised_suffices(T, norm, regularisations, tolerance)
            & _damped_suffices(T, norm, dampings, tolerance)
        )
    )


def _regularised_suffices(
    projection: Tensor, norm: Tensor, regularisations: Tensor, tolerance: float
) -> Tensor:
    """Whether larger spaces would hardly reduce ``|g + H p|^2 + mu |p|^2`` more."""
    enough = torch.ones_like(norm, dtype=torch.bool)
    for mu in regularisations:
        residual, slope = _least_squares(projection, norm, mu)
        square = residual.square().sum(1)
        left = torch.minimum(slope.square() / mu, square)
        enough &= left <= tolerance * (norm.square() - square)
    return enough


def _damped_suffices(
    projection: Tensor, norm: Tensor, dampings: Tensor, tolerance: float
) -> Tensor:
    """Whether damped steps reduce ``|g + H p|^2`` about as far as they ever will."""
    T, k = projection, projection.shape[2]
    solved = torch.ones_like(norm, dtype=torch.bool)
    if not len(dampings):
        return solved
    least = torch.ones_like(norm)
    for gamma in dampings:
        shift = gamma[:, None, None] * torch.eye(k, dtype=T.dtype, device=T.device)
        rhs = T.new_zeros(len(T), k, 1)
        rhs[:, 0, 0] = -1.0
        step, singular = torch.linalg.solve_ex(T[:, :k] + shift, rhs)
        left = T[:, k, k - 1] * step[:, k - 1, 0].abs()
        solved &= (left <= tolerance) & (singular == 0)
        image = torch.bmm(T, step)[:, :, 0]
        image[:, 0] += 1.0
        least = torch.fmin(least, image.square().sum(1))
    residual, slope = _least_squares(T, norm, torch.zeros_like(norm))
    scale = T.square().sum(2).amax(1).sqrt()
    in_kernel = slope <= KERNEL_TOLERANCE * scale * residual.norm(dim=1)
    return solved | (least <= tolerance) | in_kernel


def _least_squares(
    projection: Tensor, norm: Tensor, mu: Tensor
) -> tuple[Tensor, Tensor]:
    """The minimum of ``|g + H p|^2 + mu |p|^2`` in a space without its last dimension.

    Returns:
        The residuals ``g + H p`` and ``sqrt mu p`` one after the other, ``(runs,
        2 k - 1)``; half the slope there in all of the problem, ``(runs,)``.
    """
    T, k = projection, projection.shape[2]
    root = mu.sqrt()[:, None, None] * torch.eye(k - 1, dtype=T.dtype, device=T.device)
    Q = torch.linalg.qr(torch.cat([T[:, :k, : k - 1], root], dim=1)).Q
    first = Q[:, 0, :] * norm[:, None]
    residual = -torch.einsum("rik,rk->ri", Q, first)
    residual[:, 0] += norm
    # Within the smaller space the slope is zero.
    image = torch.einsum("rik,rk->ri", T[:, k - 1 :], residual[:, :k])
    return residual, image.norm(dim=1)


def _projection(found: Decomposition) -> Tensor:
    """``T`` with ``k + 1`` rows, zero past a run's own length."""
    diagonal, off_diagonal = found.diagonal, found.off_diagonal
    k = diagonal.shape[1]
    used = torch.arange(k, device=diagonal.device) < found.length[:, None]
    T = diagonal.new_zeros(len(diagonal), k + 1, k)
    T[:, :k] = (
        torch.diag_embed(torch.where(used, diagonal, 0))
        + torch.diag_embed(off_diagonal, offset=1)
        + torch.diag_embed(off_diagonal, offset=-1)
    )
    T[:, k, k - 1] = found.last_beta
    return T


def _reduction(found: Decomposition, norm: Tensor, rows: Tensor) -> KrylovReduction:
    """Of the given runs, whose gradients have these norms."""
    k, size = found.basis.shape[1:]
    basis = found.basis.new_empty(len(rows), k + 1, size)
    torch.index_select(found.basis, 0, rows, out=basis[:, :k])
    basis[:, k] = found.last_vector[rows]
    return KrylovReduction(
        basis=basis,
        projection=_projection(found)[rows],
        gradient_norm=norm,
        products=found.length[rows],
    )


def _gathered(parts: list[Part], gradient: Tensor) -> KrylovReduction:
    """One reduction of all runs, filled up with zeros to the largest dimension."""
    runs, size = gradient.shape
    if len(parts) == 1:
        return parts[0][1]
    k = max(part.projection.shape[2] for _, part in parts)
    basis = gradient.new_zeros(runs, k + 1, size)
    projection = gradient.new_zeros(runs, k + 1, k)
    norm = gradient.new_zeros(runs)
    products = torch.zeros(runs, dtype=torch.int64, device=gradient.device)
    for rows, part in parts:
        own = part.projection.shape[2]
        basis[rows, : own + 1] = part.basis
        projection[rows, : own + 1, :own] = part.projection
        norm[rows], products[rows] = part.gradient_norm, part.products
    return KrylovReduction(
        basis=basis, projection=projection, gradient_norm=norm, products=products
    )
