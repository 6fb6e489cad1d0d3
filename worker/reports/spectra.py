"""Spectra of the report."""

import math
from dataclasses import dataclass
from typing import final

from torch import Tensor

from service.schemas.reports import (
    Converged,
    DensityEstimate,
    Index,
    Interval,
    ResidualBounds,
    SpectrumReport,
    Vectors,
)
from service.schemas.spectra import LanczosSpectrum
from worker.linalg.extremes.basis import Storage
from worker.spectra.estimates import Estimate
from worker.spectra.inertia import Inertia
from worker.spectra.spectrum import Spectrum

FISHER = (
    "the Fisher information of the distribution of the targets whose negative logarithm"
    " the loss is, of classes for cross_entropy and Gaussian for mse, equals the"
    " Gauss-Newton matrix"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSpectrum:
    """What is known of a matrix at every point.

    Attributes:
        spectrum: Eigenvalues and density.
        order: Of the matrices.
        inertia: Counts of eigenvalues by sign, where they are known.
        storage: How Lanczos vectors were kept, where there were any.
    """

    spectrum: Spectrum
    order: int
    inertia: Inertia | None
    storage: Storage | None


def spectrum_report(
    found: MatrixSpectrum, row: int, wanted: LanczosSpectrum
) -> SpectrumReport:
    """The spectrum at one point.

    Args:
        found: The spectra of its batch.
        row: Its row there.
        wanted: What was asked for.

    Returns:
        The spectrum, in plain numbers.
    """
    spectrum = found.spectrum
    converged = Converged(
        largest=spectrum.largest_converged[row].tolist(),
        smallest=spectrum.smallest_converged[row].tolist(),
    )
    complete = bool(spectrum.complete[row])
    return SpectrumReport(
        matrix=wanted.matrix,
        parameters=wanted.parameters,
        order=found.order,
        largest=spectrum.largest[row].tolist(),
        smallest=spectrum.smallest[row].tolist(),
        residual_bounds=ResidualBounds(
            largest=spectrum.largest_bounds[row].tolist(),
            smallest=spectrum.smallest_bounds[row].tolist(),
        ),
        converged=complete and all(converged.largest + converged.smallest),
        converged_values=converged,
        complete=complete,
        trace=_value(spectrum.trace, row),
        trace_standard_error=_standard_error(spectrum.trace, row),
        frobenius_norm=_value(spectrum.frobenius_norm, row),
        frobenius_norm_standard_error=_standard_error(spectrum.frobenius_norm, row),
        index=None if found.inertia is None else index(found.inertia, row),
        density=_density(spectrum, row),
        method="exact" if spectrum.exact else "lanczos",
        hessian_vector_products=int(spectrum.products[row]),
        vectors=None if found.storage is None else _vectors(found.storage),
        notes=[FISHER] if wanted.matrix == "fisher" else [],
    )


def index(inertia: Inertia, row: int) -> Index:
    """Counts of eigenvalues at one point."""
    error = inertia.standard_error
    return Index(
        negative=int(inertia.negative[row]),
        zero=int(inertia.zero[row]),
        positive=int(inertia.positive[row]),
        fraction=float(inertia.fraction[row]),
        method="exact" if error is None else "estimated",
        standard_error=None if error is None else number(error[row]),
        interval=_interval(inertia.interval[row]),
    )


def number(value: Tensor) -> float | None:
    """A number that JSON can hold, or None."""
    plain = float(value)
    return plain if math.isfinite(plain) else None


def _interval(ends: Tensor) -> Interval | None:
    low, high = (number(end) for end in ends)
    if low is None or high is None:
        return None
    return Interval(low=low, high=high, confidence=0.95)


def _value(estimate: Estimate | None, row: int) -> float | None:
    return None if estimate is None else number(estimate.value[row])


def _standard_error(estimate: Estimate | None, row: int) -> float | None:
    if estimate is None or estimate.freedom == 0:
        return None
    return number(estimate.standard_error[row])


def _vectors(storage: Storage) -> Vectors:
    precision = str(storage.dtype).removeprefix("torch.")
    return Vectors(precision=precision, device=storage.device.type)


def _density(spectrum: Spectrum, row: int) -> DensityEstimate | None:
    density = None if spectrum.density is None else spectrum.density[row]
    if density is None:
        return None
    errors = density.standard_error.tolist()
    return DensityEstimate(
        grid=density.grid.tolist(),
        values=density.values.tolist(),
        standard_error=None if math.isnan(errors[0]) else errors,
        broadening=density.broadening,
        probes=density.probes,
        steps=density.steps,
        outliers=density.outliers.tolist(),
    )
