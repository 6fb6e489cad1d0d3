"""Points of the report, from measures and spectra."""

import math

from service.schemas.reports import (
    AnalyticMatch,
    Index,
    Point,
    SpectrumReport,
)
from worker.classification.labels import Label, Thresholds, kind, label
from worker.classification.measures import Measures
from worker.reports.runs import Run
from worker.reports.spectra import index, number

MEASURES = (
    "relative_residual",
    "relative_residual_krylov",
    "relative_cokernel_residual",
    "gradient_rayleigh_quotient",
    "relative_gradient_image",
    "gradient_kernel_fraction",
)


def surveyed_point(
    run: Run, loss: float, squared_gradient_norm: float, thresholds: Thresholds
) -> Point:
    """A point without measures, labelled by its gradient alone."""
    finite = math.isfinite(loss) and math.isfinite(squared_gradient_norm)
    named = label(squared_gradient_norm, None, thresholds) if finite else Label.FAILED
    notes = list(run.notes)
    if not finite:
        notes.append("the loss or its gradient is not finite here")
    return Point(
        start=run.start,
        label=named.value,
        kind=None,
        ever_gradient_flat=run.ever_gradient_flat,
        loss=loss if math.isfinite(loss) else None,
        squared_gradient_norm=squared_gradient_norm if finite else None,
        relative_residual=None,
        relative_residual_max=run.relative_residual_max,
        relative_residual_max_iteration=run.relative_residual_max_iteration,
        relative_residual_krylov=None,
        relative_cokernel_residual=None,
        gradient_rayleigh_quotient=None,
        relative_gradient_image=None,
        gradient_kernel_fraction=None,
        gradient_kernel_method=None,
        index=None,
        frobenius_norm=None,
        stop_reason=run.stop_reason,
        iterations=run.iterations,
        gradient_evaluations=run.gradient_evaluations,
        hessian_vector_products=run.hessian_vector_products,
        analytic_match=None,
        spectrum=None,
        notes=notes,
    )


def classified_point(
    point: Point,
    row: int,
    measures: Measures,
    *,
    spectrum: SpectrumReport | None,
    match: AnalyticMatch | None,
    thresholds: Thresholds,
) -> Point:
    """A surveyed point with all its measures.

    Args:
        point: What is known of it.
        row: Its row in the measures.
        measures: Of its batch.
        spectrum: What was asked for of its spectrum.
        match: The nearest analytic critical point, where there are any.
        thresholds: Cut-offs between labels.

    Returns:
        The point.
    """
    finite = bool(measures.finite[row])
    values = {name: number(getattr(measures, name)[row]) for name in MEASURES}
    square = float(measures.squared_gradient_norm[row])
    residual = values["relative_residual"]
    named = label(square, residual, thresholds)
    counted = index(measures.inertia, row) if finite else None
    changes: dict[str, object] = {
        "label": named.value,
        "kind": _kind(named, counted),
        "loss": float(measures.value[row]),
        "squared_gradient_norm": square,
        **values,
        "gradient_kernel_method": _method(exact=measures.exact) if finite else None,
        "index": counted,
        "frobenius_norm": number(measures.frobenius_norm[row]),
        "analytic_match": match,
        "spectrum": spectrum if finite else None,
        "notes": [*point.notes, *_notes(measures, row, square)],
    }
    if named is not Label.CRITICAL and residual is not None:
        changes |= _with_final_residual(point, residual, thresholds.flatness)
    return point.model_copy(update=changes)


def _with_final_residual(
    point: Point, residual: float, flatness: float
) -> dict[str, object]:
    """What changes as the classifier's residual is counted in with the search's."""
    largest = point.relative_residual_max
    if largest is not None and residual <= largest:
        return {}
    return {
        "relative_residual_max": residual,
        "relative_residual_max_iteration": point.iterations,
        "ever_gradient_flat": point.ever_gradient_flat or residual > flatness,
    }


def with_spectrum(point: Point, spectrum: SpectrumReport | None) -> Point:
    """A surveyed point with its spectrum; None where its matrix is not finite."""
    if spectrum is None:
        notes = [*point.notes, "the matrix is not finite here"]
        return point.model_copy(update={"notes": notes})
    changes: dict[str, object] = {"spectrum": spectrum}
    whole_hessian = spectrum.matrix == "hessian" and spectrum.parameters is None
    if whole_hessian:
        changes |= {
            "index": spectrum.index,
            "kind": _kind(Label(point.label), spectrum.index),
            "frobenius_norm": spectrum.frobenius_norm,
        }
    return point.model_copy(update=changes)


def _kind(named: Label, counted: Index | None) -> str | None:
    if named is not Label.CRITICAL or counted is None:
        return None
    return kind(counted.negative, counted.zero, counted.positive).value


def _notes(measures: Measures, row: int, square: float) -> list[str]:
    if not measures.finite[row]:
        return ["the Hessian is not finite here"]
    notes = []
    if square == 0.0:
        notes.append(
            "the gradient is exactly zero, so measures relative to it are undefined"
        )
    elif math.isnan(measures.relative_cokernel_residual[row]):
        notes.append(
            "the Newton system is solved exactly: the co-kernel residual is undefined"
        )
    if not measures.exact:
        notes.append(
            "the Hessian is too large to be formed: norms, traces, counts of"
            " eigenvalues and the kernel fraction are estimates; the standard error is"
            " that of the random probes only"
        )
    return notes


def _method(*, exact: bool) -> str:
    return "exact" if exact else "estimated"
