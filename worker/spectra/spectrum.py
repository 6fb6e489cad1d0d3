"""The spectrum of a batch of symmetric matrices."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.density import Density, density
from worker.spectra.estimates import Estimate
from worker.spectra.inertia import Inertia, estimated_inertia, exact_inertia
from worker.spectra.plan import DensityPlan
from worker.spectra.quadrature import Known, Quadrature
from worker.spectra.rules import Rules


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Eigenpairs:
    """Extreme eigenvalues with their eigenvectors, by ascending value.

    Attributes:
        values: ``(runs, k)``.
        vectors: Unit vectors by rows, ``(runs, k, size)``, as precise as they were
            kept.
    """

    values: Tensor
    vectors: Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """What was computed for every run; NaN for one whose products are not finite.

    Attributes:
        largest: Largest eigenvalues, descending, ``(runs, top)``.
        smallest: Smallest eigenvalues, ascending, ``(runs, top)``.
        largest_bounds: Bounds on the distances to eigenvalues, ``(runs, top)``.
        smallest_bounds: The same of the smallest, ``(runs, top)``.
        largest_converged: Whether the bound is small beside the largest magnitude,
            ``(runs, top)`` bool.
        smallest_converged: The same of the smallest, ``(runs, top)`` bool.
        complete: Whether the complement was searched and held no eigenvalue beyond
            these, ``(runs,)`` bool.
        eigenpairs: With their vectors, where asked for.
        density: The density of every run, where asked for; None for a run that is not
            finite.
        trace: ``tr H``; None where no probes were made.
        frobenius_norm: ``|H|_F``; None where no probes were made.
        quadrature: All eigenvalues, or what probes tell of them; None without probes.
        exact: Whether all eigenvalues were computed.
        products: Hessian products made for each run, ``(runs,)``; the order of the
            matrix where it was formed.
    """

    largest: Tensor
    smallest: Tensor
    largest_bounds: Tensor
    smallest_bounds: Tensor
    largest_converged: Tensor
    smallest_converged: Tensor
    complete: Tensor
    eigenpairs: Eigenpairs | None
    density: tuple[Density | None, ...] | None
    trace: Estimate | None
    frobenius_norm: Estimate | None
    quadrature: Quadrature | None
    exact: bool
    products: Tensor

    def largest_magnitude(self) -> Tensor:
        """The largest magnitude that was found; NaN where not finite, ``(runs,)``."""
        found = [self.largest.abs(), self.smallest.abs()]
        if self.quadrature is not None:
            found.append(self.quadrature.largest_magnitude()[:, None])
        return torch.cat(found, dim=1).amax(dim=1)

    def inertia(self, threshold: Tensor) -> Inertia | None:
        """Counts of eigenvalues by sign; None where no probes were made.

        Args:
            threshold: Magnitudes up to which an eigenvalue is zero, ``(runs,)``.

        Returns:
            The counts.
        """
        if self.quadrature is None:
            return None
        if self.exact:
            return exact_inertia(self.quadrature.known.values, threshold)
        return estimated_inertia(self.quadrature, threshold)


def exact_spectrum(
    eigenvalues: Tensor,
    vectors: Tensor | None,
    *,
    top: int,
    density_plan: DensityPlan | None,
) -> Spectrum:
    """The spectrum from all eigenvalues.

    The bounds are those of the rounding of a symmetric eigensolver,
    ``size * eps * max|lambda|``.

    Args:
        eigenvalues: Ascending, ``(runs, size)``.
        vectors: Eigenvectors by columns, ``(runs, size, size)``, where those of the
            extremes are wanted.
        top: How many at either end.
        density_plan: The broadening of the density, where it is wanted.

    Returns:
        The spectrum.
    """
    runs, size = eigenvalues.shape
    top = min(top, size)
    rounding = size * torch.finfo(eigenvalues.dtype).eps
    bounds = rounding * eigenvalues.abs().amax(dim=1, keepdim=True)
    yes = eigenvalues.new_ones(runs, top, dtype=torch.bool)
    every = eigenvalues.new_ones(runs, dtype=torch.bool)
    rule = Quadrature(
        known=Known(
            values=eigenvalues.double(),
            bounds=bounds.expand(-1, size).double(),
            lowest=top,
            highest=top,
            complete=every,
        ),
        rules=Rules.empty(runs, 0, 0, device=eigenvalues.device),
        size=size,
    )
    numbers = torch.arange(size, device=eigenvalues.device)
    extremes = torch.cat([numbers[:top], numbers[size - top :]]).unique()
    return Spectrum(
        largest=eigenvalues[:, size - top :].flip(1),
        smallest=eigenvalues[:, :top],
        largest_bounds=bounds.expand(-1, top),
        smallest_bounds=bounds.expand(-1, top),
        largest_converged=yes,
        smallest_converged=yes,
        complete=every,
        eigenpairs=None
        if vectors is None
        else Eigenpairs(
            values=eigenvalues[:, extremes], vectors=vectors[:, :, extremes].mT
        ),
        density=densities(rule, density_plan),
        trace=Estimate.exact(eigenvalues.double().sum(dim=1)),
        frobenius_norm=Estimate.exact(
            torch.linalg.vector_norm(eigenvalues.double(), dim=1)
        ),
        quadrature=rule,
        exact=True,
        products=eigenvalues.new_full((runs,), size, dtype=torch.int64),
    )


def densities(
    rule: Quadrature, plan: DensityPlan | None
) -> tuple[Density | None, ...] | None:
    """The densities of all runs, where they are wanted."""
    if plan is None:
        return None
    finite = rule.largest_magnitude().isfinite().tolist()
    return tuple(
        density(rule, run, broadening=plan.broadening) if finite[run] else None
        for run in range(len(finite))
    )
