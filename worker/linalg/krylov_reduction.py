"""Damped Newton steps from Krylov spaces that grow as far as they are needed.

A Lanczos process from the gradient gives ``H V_k = V_{k+1} T`` with tridiagonal ``T``
of ``k + 1`` rows, ``g = |g| v_1``, and steps ``p = V_k y``:

- The regularised ones minimise ``||g| e_1 + T y|^2 + mu |y|^2``. Let ``r`` be that
  residual; what is left of the gradient of the whole problem lies outside ``V_k`` and
  is at most ``beta_k |r_k| + sqrt 2 |H| |r_{k+1}|`` long. Its square over ``mu`` bounds
  what a larger space could still gain.
- The damped ones solve ``(T_k + gamma) y = -|g| e_1``; their residual is
  ``beta_k |y_k|``.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from worker.linalg.lanczos import GrowingLanczos
from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.linalg.ritz import finite_eigh
from worker.linalg.steps import Steps

GROWTH_TOLERANCE = 1e-2
_FIRST_DIMENSION = 8
_GROWTH = 1.25  # of the dimension, from one look at the steps to the next
_BASIS_BYTES = 2**28  # of one run
_COPIES = 3  # the basis, a longer one, and those of the runs that are done


@final
@dataclass(frozen=True, kw_only=True)  # not slotted: its decompositions are cached
class KrylovReduction:
    """``H`` on a Krylov space of ``g``, in coordinates.

    Attributes:
        basis: ``V_{k+1}`` by rows, zero past a run's own, ``(runs, k + 1, size)``.
        projection: ``T``, zero past it, ``(runs, k + 1, k)``.
        gradient_norm: ``|g|``, ``(runs,)``.
        products: Hessian products that each run has cost, integers ``(runs,)``.
    """

    basis: Tensor
    projection: Tensor
    gradient_norm: Tensor
    products: Tensor

    @property
    def norm(self) -> Tensor:
        """``|T|``, a lower bound of ``|H|`` that is soon close to it, ``(runs,)``."""
        _, values, _ = self._singular
        return values[:, 0]

    def regularised(self, regularisations: Tensor) -> Steps:
        """Minimisers of ``|g + H p|^2 + mu |p|^2``, for ``mu`` of ``(k, runs)``."""
        left, values, right = self._singular
        coefficients = self.gradient_norm[:, None] * left[:, 0]
        within, beyond = coefficients[:, :-1], coefficients[:, -1]
        step = _regularised(values, within, regularisations[:, :, None])
        residual = within + values * step
        return self._steps(
            torch.einsum("rik,mrk->mri", right, step),
            residual.square().sum(2) + beyond.square(),
        )

    def damped(self, dampings: Tensor) -> Steps:
        """Solutions of ``(H + gamma) p = -g``, for ``gamma`` of ``(k, runs)``."""
        values, vectors = self._eigen
        gamma = dampings[:, :, None]
        divisor = values + gamma
        scale = torch.maximum(values.abs().amax(1)[:, None], gamma.abs())
        void = divisor.abs() <= _rounding(scale, values.shape[1])
        coefficients = self.gradient_norm[:, None] * vectors[:, 0]
        step = torch.where(void, 0, -coefficients / divisor)
        step = torch.einsum("rik,mrk->mri", vectors, step)
        image = torch.einsum("rjk,mrk->mrj", self.projection, step)
        image[:, :, 0] += self.gradient_norm
        return self._steps(step, image.square().sum(2))

    def correction(self, residuals: Tensor, regularisations: Tensor) -> Tensor:
        """What the space holds of minimisers of ``|r + H a|^2 + mu |a|^2``."""
        left, values, right = self._singular
        inside = torch.einsum("rjn,rn->rj", self.basis, residuals)
        coefficients = torch.einsum("rjk,rj->rk", left[:, :, :-1], inside)
        step = _regularised(values, coefficients, regularisations[:, None])
        coordinates = torch.einsum("rik,rk->ri", right, step)
        return torch.einsum("ri,rin->rn", coordinates, self.basis[:, :-1])

    def coordinates(self) -> tuple[DenseOperator, Tensor]:
        """``T_k`` and ``|g| e_1``."""
        gradient = torch.zeros_like(self.projection[:, 0])
        gradient[:, 0] = self.gradient_norm
        return DenseOperator(matrices=self.projection[:, :-1]), gradient

    def take(self, rows: Tensor) -> "KrylovReduction":
        """The reduction of the runs with the given numbers, ``(k,)`` integers."""
        return KrylovReduction(
            **{each.name: getattr(self, each.name)[rows] for each in fields(self)}
        )

    @cached_property
    def _singular(self) -> tuple[Tensor, Tensor, Tensor]:
        """``T = U diag(s) W^T``: ``U`` whole, ``s`` descending, ``W``."""
        finite = _finite(self.projection)[:, None]
        matrices = torch.where(finite[:, :, None], self.projection, 0)
        left, values, right = torch.linalg.svd(matrices)
        return left, torch.where(finite, values, torch.nan), right.mT

    @cached_property
    def _eigen(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues and eigenvectors of ``T`` without its last row."""
        # The upper triangle: a short run's last row is within the lower one.
        return finite_eigh(self.projection[:, :-1].mT)

    def _steps(self, coordinates: Tensor, squared_residual: Tensor) -> Steps:
        """Steps given in the basis, ``(m, runs, k)``."""
        by_run = coordinates.transpose(0, 1)
        images = torch.bmm(by_run, self.projection.mT)
        return Steps(
            directions=torch.bmm(by_run, self.basis[:, :-1]).transpose(0, 1),
            images=torch.bmm(images, self.basis).transpose(0, 1),
            squared_residual=squared_residual,
            squared_length=coordinates.square().sum(2),
        )


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
            ``|g|^2``, as a share of it; of a damped system, its residual's share of
            ``|g|``.
        max_dimension: Where a space ends at last; the size at most. None is the size,
            or what 256 MiB hold for a run.

    Returns:
        The reduction; NaN for a run with a product that is not finite.
    """
    runs, size = gradient.shape
    limit = min(size, max_dimension or _fitting(size, gradient.element_size()))
    process = GrowingLanczos(gradient)
    norm = torch.linalg.vector_norm(gradient, dim=1)
    empty = gradient.new_zeros(0, runs)
    mu = empty if regularisations is None else regularisations
    gamma = empty if dampings is None else dampings
    rows = torch.arange(runs, device=gradient.device)
    finished: list[tuple[Tensor, KrylovReduction]] = []
    while len(rows):
        wanted = max(_FIRST_DIMENSION, int(_GROWTH * process.steps) + 1)
        process.extend(operator, min(wanted, limit) - process.steps)
        found = process.decomposition()
        grown = KrylovReduction(
            basis=torch.cat([found.basis, found.last_vector[:, None]], dim=1),
            projection=_projection(
                found.diagonal, found.off_diagonal, found.last_beta, found.length
            ),
            gradient_norm=norm[rows],
            products=found.length,
        )
        over = (found.last_beta == 0) | ~_finite(grown.projection)
        if process.steps < limit:
            enough = over | (
                _regularised_suffices(grown, mu[:, rows], tolerance)
                & _damped_suffices(grown, gamma[:, rows], tolerance)
            )
        else:
            enough = torch.ones_like(over)
        ready, left = enough.nonzero()[:, 0], (~enough).nonzero()[:, 0]
        if len(ready):
            finished.append((rows[ready], grown.take(ready)))
        if len(ready) and len(left):
            operator = operator.take(left)
            process.keep(left)
        rows = rows[left]
    return _gathered(finished, gradient)


def krylov_vectors(size: int, item: int) -> int:
    """Vectors of ``size`` numbers that a run holds while its space grows, at most.

    Args:
        size: Length of a vector.
        item: Bytes of a number.

    Returns:
        How many.
    """
    return _COPIES * min(size, _fitting(size, item))


def _fitting(size: int, item: int) -> int:
    return max(_FIRST_DIMENSION, _BASIS_BYTES // (size * item))


def _regularised_suffices(
    grown: KrylovReduction, regularisations: Tensor, tolerance: float
) -> Tensor:
    """Whether larger spaces would hardly reduce ``|g + H p|^2 + mu |p|^2`` more."""
    T, norm = grown.projection, grown.gradient_norm
    k, columns = T.shape[2], len(regularisations)
    enough = torch.ones_like(norm, dtype=torch.bool)
    if not columns:
        return enough
    scale = T.square().sum(2).amax(1).sqrt()
    for mu in regularisations:
        root = mu.sqrt()[:, None, None] * torch.eye(k, dtype=T.dtype, device=T.device)
        Q = torch.linalg.qr(torch.cat([T, root], dim=1)).Q
        first = Q[:, 0, :] * norm[:, None]
        # The residual of the projection on the columns, without differences.
        regularised = norm.square() - first.square().sum(1)
        residual = -torch.einsum("rik,rk->ri", Q[:, : k + 1], first)
        residual[:, 0] += norm
        outside = (
            T[:, k, k - 1] * residual[:, k - 1].abs()
            + 2**0.5 * scale * residual[:, k].abs()
        )
        left = torch.minimum(outside.square() / mu, regularised.clamp(min=0))
        enough &= left <= tolerance * first.square().sum(1)
    return enough


def _damped_suffices(
    grown: KrylovReduction, dampings: Tensor, tolerance: float
) -> Tensor:
    """Whether the damped systems are solved well enough."""
    T, norm = grown.projection, grown.gradient_norm
    k = T.shape[2]
    enough = torch.ones_like(norm, dtype=torch.bool)
    for gamma in dampings:
        shift = gamma[:, None, None] * torch.eye(k, dtype=T.dtype, device=T.device)
        rhs = T.new_zeros(len(T), k, 1)
        rhs[:, 0, 0] = 1.0
        step, singular = torch.linalg.solve_ex(T[:, :k] + shift, rhs)
        solved = T[:, k, k - 1] * step[:, k - 1, 0].abs() <= tolerance
        enough &= solved & (singular == 0)
    return enough


def _projection(
    diagonal: Tensor, off_diagonal: Tensor, last_beta: Tensor, length: Tensor
) -> Tensor:
    """``T`` with ``k + 1`` rows, zero past a run's own length."""
    k = diagonal.shape[1]
    used = torch.arange(k, device=length.device) < length[:, None]
    T = diagonal.new_zeros(len(diagonal), k + 1, k)
    T[:, :k] = (
        torch.diag_embed(torch.where(used, diagonal, 0))
        + torch.diag_embed(off_diagonal, offset=1)
        + torch.diag_embed(off_diagonal, offset=-1)
    )
    T[:, k, k - 1] = last_beta
    return T


def _gathered(
    finished: list[tuple[Tensor, KrylovReduction]], gradient: Tensor
) -> KrylovReduction:
    """One reduction of all runs, filled up with zeros to the largest dimension."""
    runs, size = gradient.shape
    k = max(part.projection.shape[2] for _, part in finished)
    basis = gradient.new_zeros(runs, k + 1, size)
    projection = gradient.new_zeros(runs, k + 1, k)
    norm = gradient.new_zeros(runs)
    products = torch.zeros(runs, dtype=torch.int64, device=gradient.device)
    for rows, part in finished:
        own = part.projection.shape[2]
        basis[rows, : own + 1] = part.basis
        projection[rows, : own + 1, :own] = part.projection
        norm[rows], products[rows] = part.gradient_norm, part.products
    return KrylovReduction(
        basis=basis, projection=projection, gradient_norm=norm, products=products
    )


def _regularised(values: Tensor, coefficients: Tensor, mu: Tensor) -> Tensor:
    """Minimisers of ``|c + s y|^2 + mu |y|^2`` for singular values ``(runs, k)``."""
    void = values <= _rounding(values[:, :1], values.shape[1])
    return torch.where(void, 0, -values * coefficients / (values.square() + mu))


def _finite(matrices: Tensor) -> Tensor:
    return matrices.isfinite().all(dim=2).all(dim=1)


def _rounding(scale: Tensor, size: int) -> Tensor:
    """Largest error of a singular value of matrices of norm ``scale``, elementwise."""
    return torch.finfo(scale.dtype).eps * size * scale
