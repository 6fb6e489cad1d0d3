"""Damped Newton steps from the eigenvectors of a formed Hessian."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator, DiagonalOperator
from worker.linalg.reductions.steps import Steps
from worker.linalg.ritz import finite_eigh


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralReduction:
    """``H = Q diag(lambda) Q^T`` and ``g = Q c``.

    Attributes:
        vectors: ``Q`` by columns, ``(runs, size, size)``.
        values: ``lambda``, zero where it is a rounding error, ``(runs, size)``.
        coefficients: ``c``, ``(runs, size)``.
    """

    vectors: Tensor
    values: Tensor
    coefficients: Tensor

    @property
    def norm(self) -> Tensor:
        """``|H|_F``, ``(runs,)``."""
        return self.values.norm(dim=1)

    @property
    def products(self) -> Tensor:
        """None, ``(runs,)``."""
        return self.values.new_zeros(len(self.values), dtype=torch.int64)

    def regularised(self, regularisations: Tensor) -> Steps:
        """Minimisers of ``|g + H p|^2 + mu |p|^2``, for ``mu`` of ``(k, runs)``."""
        mu = regularisations[:, :, None]
        divisor = self.values.square() + mu
        void = self.values == 0  # also where mu is zero
        return self._steps(
            step=torch.where(void, 0, -self.values * self.coefficients / divisor),
            residual=torch.where(void, 1, mu / divisor) * self.coefficients,
        )

    def damped(self, dampings: Tensor) -> Steps:
        """Shortest solutions of ``(H + gamma) p = -g``: ``gamma`` of ``(k, runs)``."""
        gamma = dampings[:, :, None]
        divisor = self.values + gamma
        scale = torch.maximum(self.values.abs().amax(1)[:, None], gamma.abs())
        void = divisor.abs() <= rounding(scale, self.values.shape[1])
        step = torch.where(void, 0, -self.coefficients / divisor)
        return self._steps(step=step, residual=self.coefficients + self.values * step)

    def correction(self, residuals: Tensor, regularisations: Tensor) -> Tensor:
        """Minimisers of ``|r + H a|^2 + mu |a|^2`` for residuals other than ``g``."""
        coefficients = torch.bmm(residuals[:, None], self.vectors)[:, 0]
        divisor = self.values.square() + regularisations[:, None]
        void = self.values == 0
        step = torch.where(void, 0, -self.values * coefficients / divisor)
        return torch.bmm(step[:, None], self.vectors.mT)[:, 0]

    def coordinates(self) -> tuple[DiagonalOperator, Tensor]:
        """``H`` and ``g`` in the eigenbasis."""
        return DiagonalOperator(values=self.values), self.coefficients

    def take(self, rows: Tensor) -> "SpectralReduction":
        """The reduction of the runs with the given numbers, ``(k,)`` integers."""
        return SpectralReduction(
            vectors=self.vectors[rows],
            values=self.values[rows],
            coefficients=self.coefficients[rows],
        )

    def _steps(self, *, step: Tensor, residual: Tensor) -> Steps:
        """Steps and residuals ``(k, runs, size)`` given in the eigenbasis."""
        both = torch.cat([step, self.values * step]).transpose(0, 1)
        directions, images = (
            torch.bmm(both, self.vectors.mT).transpose(0, 1).split(len(step))
        )
        return Steps(
            directions=directions,
            images=images,
            squared_residual=residual.square().sum(2),
            squared_length=step.square().sum(2),
        )


def spectral_reduction(operator: DenseOperator, gradient: Tensor) -> SpectralReduction:
    """Decomposes formed Hessians.

    Args:
        operator: The Hessians.
        gradient: ``g``, ``(runs, size)``.

    Returns:
        The reduction; NaN for a run whose Hessian is not finite.
    """
    values, vectors = finite_eigh(operator.matrices)
    void = values.abs() <= rounding(values.abs().amax(1, keepdim=True), operator.size)
    return SpectralReduction(
        vectors=vectors,
        values=torch.where(void, 0, values),
        coefficients=torch.bmm(gradient[:, None], vectors)[:, 0],
    )


def rounding(scale: Tensor, size: int) -> Tensor:
    """Largest error of an eigenvalue of matrices of norm ``scale``, elementwise."""
    return torch.finfo(scale.dtype).eps * size * scale
