"""What is to be computed of a spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from worker.linalg.extremes.basis import Storage
from worker.linalg.extremes.search import places

_PRODUCTS_PER_VALUE = 200
_LEAST_PRODUCTS = 2000
_WIDER = 4
_WIDE = 2**20  # numbers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DensityPlan:
    """How a density is estimated.

    Attributes:
        probes: Random probes.
        steps: Lanczos steps from each, cut to the order of the matrix.
        broadening: Standard deviation of the Gaussian that smooths it; None for the
            default.
    """

    probes: int
    steps: int
    broadening: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumPlan:
    """What is wanted of every run's spectrum.

    Attributes:
        top: How many of the largest and of the smallest eigenvalues; 0 for none.
        eigenvectors: Whether their eigenvectors are wanted.
        density: How to estimate the density, where it is wanted.
        seed: The job's seed.
        starts: Number of every run's start; its draws depend on nothing else.
        storage: Where, and in which precision, Lanczos vectors are kept.
        smallest: What all of the `top` smallest eigenvalues are known to be, so that
            only their eigenvectors need be found; None where it is not known.
        least: What no eigenvalue is below, where that is known.
    """

    top: int
    eigenvectors: bool
    density: DensityPlan | None
    seed: int
    starts: Sequence[int]
    storage: Storage
    smallest: float | None = None
    least: float | None = None


def search_products(plan: SpectrumPlan) -> int:
    """Products after which the search for extremes ends as it is."""
    if plan.top == 0:
        return 0
    return max(_LEAST_PRODUCTS, _PRODUCTS_PER_VALUE * plan.top)


def probe_steps(plan: SpectrumPlan, size: int) -> int:
    """Lanczos steps from each probe, in the complement of the extremes' vectors."""
    if plan.density is None:
        return 0
    return min(plan.density.steps, max(0, size - 2 * plan.top))


def products_at_most(plan: SpectrumPlan, size: int) -> int:
    """Products of every run, the runs' together counted as one.

    Args:
        plan: What is computed.
        size: Order of the matrices.

    Returns:
        A bound; the search for extremes mostly ends far below it.
    """
    probes = 0 if plan.density is None else plan.density.probes
    return search_products(plan) + probes * probe_steps(plan, size)


def vectors_kept(plan: SpectrumPlan, size: int) -> int:
    """Lanczos vectors of each run that are kept at a time."""
    known = min(2 * plan.top, size)
    return max(search_width(plan, size), known + probe_steps(plan, size))


def search_width(plan: SpectrumPlan, size: int) -> int:
    """Vectors of the Krylov space that extremes are sought in.

    Where eigenvalues crowd at the least that is possible, a wide one saves many
    products. It is taken where it takes little memory.

    Args:
        plan: What is computed.
        size: Order of the matrices.

    Returns:
        Their number.
    """
    width = places(plan.top)
    if plan.least is not None:
        width = max(width, min(_WIDER * width, _WIDE // size))
    return min(size, width)
