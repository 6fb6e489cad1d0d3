"""The spectrum of a batch of Hessians: extreme eigenvalues, and the density."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.linalg.extremes import extreme_eigenvalues
from worker.linalg.operators import SymmetricOperator
from worker.spectra.density import Density, estimated_density, exact_density
from worker.spectra.quadrature import quadrature, random_signs

CONVERGED = 1e-8
"""Residual bound of a converged eigenvalue, relative to the largest magnitude."""

_PRODUCTS_PER_VALUE = 200
_LEAST_PRODUCTS = 2000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DensityPlan:
    """How a density is estimated.

    Attributes:
        probes: Random probes.
        steps: Lanczos steps from each.
    """

    probes: int
    steps: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """What was computed for every run.

    Attributes:
        largest: Largest eigenvalues, descending, ``(runs, top)``.
        smallest: Smallest eigenvalues, ascending, ``(runs, top)``.
        largest_bounds: Bounds on the distances to eigenvalues, ``(runs, top)``.
        smallest_bounds: The same of the smallest, ``(runs, top)``.
        converged: Whether all bounds are small beside the largest magnitude and no
            other eigenvalue is known to lie beyond, ``(runs,)`` bool.
        density: The density, where asked for.
        exact: Whether all eigenvalues were computed.
        products: Hessian products made for each run, ``(runs,)``; the order of the
            matrix where it was formed.
    """

    largest: Tensor
    smallest: Tensor
    largest_bounds: Tensor
    smallest_bounds: Tensor
    converged: Tensor
    density: Density | None
    exact: bool
    products: Tensor


def exact_spectrum(eigenvalues: Tensor, *, top: int, density: bool) -> Spectrum:
    """The spectrum from all eigenvalues.

    The bounds are those of the rounding of a symmetric eigensolver,
    ``size * eps * max|lambda|``.

    Args:
        eigenvalues: Ascending, ``(runs, size)``.
        top: How many at either end.
        density: Whether the density is wanted.

    Returns:
        The spectrum.
    """
    runs, size = eigenvalues.shape
    top = min(top, size)
    rounding = size * torch.finfo(eigenvalues.dtype).eps
    bounds = (rounding * eigenvalues.abs().amax(dim=1, keepdim=True)).expand(-1, top)
    return Spectrum(
        largest=eigenvalues[:, -top:].flip(1),
        smallest=eigenvalues[:, :top],
        largest_bounds=bounds,
        smallest_bounds=bounds,
        converged=eigenvalues.new_ones(runs, dtype=torch.bool),
        density=exact_density(eigenvalues) if density else None,
        exact=True,
        products=eigenvalues.new_full((runs,), size, dtype=torch.int64),
    )


def lanczos_spectrum(
    operator: SymmetricOperator,
    like: Tensor,
    *,
    top: int,
    density: DensityPlan | None,
    seed: int,
    starts: Sequence[int],
) -> Spectrum:
    """The spectrum from products.

    Args:
        operator: The matrices.
        like: A tensor of the operator's precision and device.
        top: How many at either end.
        density: How to estimate the density, where it is wanted.
        seed: The job's seed.
        starts: Number of every run's start.

    Returns:
        The spectrum.
    """
    ends = extreme_eigenvalues(
        operator,
        random_signs(operator.size, starts, seed, "extremes").to(like),
        count=top,
        tolerance=CONVERGED,
        max_products=max(_LEAST_PRODUCTS, _PRODUCTS_PER_VALUE * top),
    )
    products, estimate = ends.products, None
    if density is not None:
        rule = quadrature(
            operator,
            like,
            stream="density",
            seed=seed,
            starts=starts,
            probes=density.probes,
            steps=density.steps,
        )
        products = products + rule.products
        estimate = estimated_density(
            rule, ends.smallest[:, 0].double(), ends.largest[:, 0].double()
        )
    return Spectrum(
        largest=ends.largest.double(),
        smallest=ends.smallest.double(),
        largest_bounds=ends.largest_bounds.double(),
        smallest_bounds=ends.smallest_bounds.double(),
        converged=ends.converged & ends.complete,
        density=estimate,
        exact=False,
        products=products,
    )
