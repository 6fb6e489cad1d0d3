"""Every measure at a batch of points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor

from worker.classification.labels import Thresholds
from worker.linalg.lanczos import lanczos
from worker.linalg.minres.judging_step import judging_step
from worker.linalg.operators import DenseOperator, SymmetricOperator
from worker.linalg.ritz import gauss_quadrature
from worker.objectives.base import Linearisation
from worker.objectives.rounding import gradient_norm_floor, in_kernel
from worker.spectra.estimates import frobenius_norm, trace
from worker.spectra.inertia import Inertia, estimated_inertia, exact_inertia
from worker.spectra.quadrature import Quadrature, quadrature

KERNEL_TOLERANCE = 1e-6
"""Eigenvalues within this of zero, relative to the largest, span the kernel."""

PROBES = 8
"""Random probes of an estimated spectrum."""

STEPS = 80
"""Lanczos steps from each probe, and from the gradient."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Measures at every point; NaN where one is undefined.

    Attributes:
        hessian: The Hessians, formed where all measures are exact.
        eigenvalues: All of them, ascending, ``(runs, size)``, where exact; else None.
        finite: Whether the Hessian is finite; nothing else is known where not,
            ``(runs,)`` bool.
        value: Losses, ``(runs,)``.
        squared_gradient_norm: ``|g|^2``, ``(runs,)``.
        frobenius_norm: ``|H|_F``, ``(runs,)``.
        trace: ``tr H``, ``(runs,)``.
        relative_residual: ``|H p + g| / (|H|_F |p| + |g|)``, ``(runs,)``.
        relative_residual_krylov: The same with the solver's norm estimate, ``(runs,)``.
        relative_cokernel_residual: ``|H (H p + g)| / (|H|_F |H p + g|)``, ``(runs,)``.
        gradient_rayleigh_quotient: ``g^T H g / |g|^2``, ``(runs,)``.
        relative_gradient_image: ``|H g| / (|H|_F |g|)``, ``(runs,)``.
        gradient_kernel_fraction: Share of ``|g|^2`` in the kernel, ``(runs,)``.
        inertia: Counts of eigenvalues by sign.
        gradient_norm_floor: ``(eps |H|_F |theta|)^2``, what rounding the parameters
            does to ``|g|^2``, ``(runs,)``.
    """

    hessian: SymmetricOperator
    eigenvalues: Tensor | None
    finite: Tensor
    value: Tensor
    squared_gradient_norm: Tensor
    frobenius_norm: Tensor
    trace: Tensor
    relative_residual: Tensor
    relative_residual_krylov: Tensor
    relative_cokernel_residual: Tensor
    gradient_rayleigh_quotient: Tensor
    relative_gradient_image: Tensor
    gradient_kernel_fraction: Tensor
    inertia: Inertia
    gradient_norm_floor: Tensor

    @property
    def exact(self) -> bool:
        """Whether all eigenvalues are known, and nothing is an estimate."""
        return self.eigenvalues is not None


def measure(
    at: Linearisation,
    thresholds: Thresholds,
    *,
    dense_limit: int,
    seed: int,
    starts: Sequence[int],
    known: Quadrature | None = None,
) -> Measures:
    """Measures at every point of a linearisation.

    Args:
        at: The points, with finite gradients.
        thresholds: What counts as a zero eigenvalue.
        dense_limit: Up to this many parameters the Hessian is formed and decomposed.
        seed: The job's seed, for estimates.
        starts: Number of every run's start, for estimates.
        known: Quadrature of the Hessians, where it need not be made for estimates.

    Returns:
        The measures.
    """
    if at.hessian.size <= dense_limit:
        spectrum = _decompose(at)
    else:
        spectrum = _sample(at, known or _quadrature(at, seed, starts))
    return _measure(at, spectrum, thresholds)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Spectrum:
    """What is known of the eigenvalues: all of them, or a quadrature."""

    hessian: SymmetricOperator
    finite: Tensor
    eigenvalues: Tensor | None
    counts: Callable[[Tensor], Inertia]
    largest_magnitude: Tensor
    frobenius_norm: Tensor
    trace: Tensor
    gradient_kernel_fraction: Tensor

    def inertia(self, thresholds: Thresholds) -> Inertia:
        limit = torch.full_like(self.largest_magnitude, thresholds.zero_eigenvalue)
        if thresholds.relative:
            limit = limit * self.largest_magnitude
        return self.counts(limit)


def _decompose(at: Linearisation) -> _Spectrum:
    matrices = at.hessian.dense()
    finite = torch.isfinite(matrices).all(dim=2).all(dim=1)
    matrices = torch.where(finite[:, None, None], matrices, 0.0)
    eigenvalues, vectors = torch.linalg.eigh(matrices.double())
    shares = torch.einsum("rij,ri->rj", vectors, at.gradient.double()) ** 2
    largest_magnitude = eigenvalues.abs().amax(dim=1)
    return _Spectrum(
        hessian=DenseOperator(matrices=matrices),
        finite=finite,
        eigenvalues=eigenvalues,
        counts=partial(exact_inertia, eigenvalues),
        largest_magnitude=largest_magnitude,
        frobenius_norm=torch.linalg.vector_norm(matrices.double(), dim=(1, 2)),
        trace=eigenvalues.sum(dim=1),
        gradient_kernel_fraction=_kernel_share(eigenvalues, shares, largest_magnitude),
    )


def _quadrature(at: Linearisation, seed: int, starts: Sequence[int]) -> Quadrature:
    return quadrature(
        at.hessian,
        at.gradient,
        stream="index",
        seed=seed,
        starts=starts,
        probes=PROBES,
        steps=STEPS,
    )


def _sample(at: Linearisation, rule: Quadrature) -> _Spectrum:
    finite = torch.isfinite(at.hessian.matvec(at.gradient)).all(dim=1)
    stationary = (at.gradient == 0).all(dim=1, keepdim=True)
    nodes, weights = gauss_quadrature(
        lanczos(
            at.hessian,
            torch.where(stationary, 1.0, at.gradient),
            steps=min(STEPS, at.hessian.size),
        )
    )
    largest_magnitude = torch.maximum(
        rule.largest_magnitude(), nodes.double().abs().amax(dim=1)
    )
    return _Spectrum(
        hessian=at.hessian,
        finite=finite,
        eigenvalues=None,
        counts=partial(estimated_inertia, rule),
        largest_magnitude=largest_magnitude,
        frobenius_norm=frobenius_norm(rule).value,
        trace=trace(rule).value,
        gradient_kernel_fraction=_kernel_share(
            nodes.double(), weights.double(), largest_magnitude
        ),
    )


def _measure(
    at: Linearisation, spectrum: _Spectrum, thresholds: Thresholds
) -> Measures:
    gradient = at.gradient.double()
    norm = torch.linalg.vector_norm(gradient, dim=1)
    image = spectrum.hessian.matvec(at.gradient).double()
    image_norm = torch.linalg.vector_norm(image, dim=1)
    solution = judging_step(spectrum.hessian, at.gradient, at.theta)
    frobenius_norm = spectrum.frobenius_norm
    # Here the solver would divide rounding errors by each other.
    solved = ~in_kernel(at.gradient, image, frobenius_norm, at.theta)
    step_norm = torch.linalg.vector_norm(solution.x.double(), dim=1)
    step_norm = torch.where(solved, step_norm, 0.0)
    residual_norm = torch.where(solved, solution.residual_norm.double(), norm)
    cokernel_norm = torch.where(
        solved, solution.cokernel_residual_norm.double(), image_norm
    )

    def where_finite(measure: Tensor, *, undefined: Tensor) -> Tensor:
        return torch.where(spectrum.finite & ~undefined, measure, torch.nan)

    stationary = norm == 0
    return Measures(
        hessian=spectrum.hessian,
        eigenvalues=spectrum.eigenvalues,
        finite=spectrum.finite,
        value=at.value.double(),
        squared_gradient_norm=(gradient**2).sum(dim=1),
        frobenius_norm=where_finite(frobenius_norm, undefined=~spectrum.finite),
        trace=where_finite(spectrum.trace, undefined=~spectrum.finite),
        relative_residual=where_finite(
            residual_norm / (frobenius_norm * step_norm + norm), undefined=stationary
        ),
        relative_residual_krylov=where_finite(
            torch.where(solved, solution.relative_residual.double(), 1.0),
            undefined=stationary,
        ),
        relative_cokernel_residual=where_finite(
            _ratio(cokernel_norm, frobenius_norm * residual_norm),
            undefined=residual_norm == 0,
        ),
        gradient_rayleigh_quotient=where_finite(
            (gradient * image).sum(dim=1) / norm**2, undefined=stationary
        ),
        relative_gradient_image=where_finite(
            _ratio(image_norm, frobenius_norm * norm), undefined=stationary
        ),
        gradient_kernel_fraction=where_finite(
            spectrum.gradient_kernel_fraction, undefined=stationary
        ),
        inertia=spectrum.inertia(thresholds),
        gradient_norm_floor=where_finite(
            gradient_norm_floor(frobenius_norm, at.theta),
            undefined=~spectrum.finite,
        ),
    )


def _kernel_share(values: Tensor, shares: Tensor, largest: Tensor) -> Tensor:
    """Share of the weights at values that are zero beside the largest, ``(runs,)``."""
    within = values.abs() <= KERNEL_TOLERANCE * largest[:, None]
    return (shares * within).sum(dim=1) / shares.sum(dim=1)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The ratio of two norms, 0 where a zero matrix makes both vanish."""
    return torch.where(
        denominator > 0, numerator / denominator, torch.zeros_like(numerator)
    )
