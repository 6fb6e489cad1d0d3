"""Damped Newton steps from a Krylov space of the gradient.

A Lanczos process from the gradient gives ``H V_k = V_{k+1} T`` with tridiagonal ``T``
of ``k + 1`` rows, ``g = |g| v_1``, and steps ``p = V_k y``.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator
from worker.linalg.reductions.steps import Steps
from worker.linalg.ritz import finite_eigh


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
        known = finite(self.projection)[:, None]
        matrices = torch.where(known[:, :, None], self.projection, 0)
        left, values, right = torch.linalg.svd(matrices)
        return left, torch.where(known, values, torch.nan), right.mT

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


def _regularised(values: Tensor, coefficients: Tensor, mu: Tensor) -> Tensor:
    """Minimisers of ``|c + s y|^2 + mu |y|^2`` for singular values ``(runs, k)``."""
    void = values <= _rounding(values[:, :1], values.shape[1])
    return torch.where(void, 0, -values * coefficients / (values.square() + mu))


def finite(matrices: Tensor) -> Tensor:
    """Which matrices are, ``(runs,)`` bool."""
    return matrices.isfinite().all(dim=2).all(dim=1)


def _rounding(scale: Tensor, size: int) -> Tensor:
    """Largest error of a singular value of matrices of norm ``scale``, elementwise."""
    return torch.finfo(scale.dtype).eps * size * scale
