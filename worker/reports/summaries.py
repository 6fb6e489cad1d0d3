"""Counts, shares and figures of all points together."""

from collections import Counter
from collections.abc import Iterable, Sequence

from service.schemas.classification import Classification
from service.schemas.reports import (
    Counts,
    CutoffCounts,
    Fractions,
    LossIndex,
    Point,
    ResidualEcdf,
    Summary,
)
from worker.classification.labels import Label, Thresholds, label
from worker.reports.intervals import wilson

CUTOFFS = (1e-4, 1e-6, 1e-8, 1e-10)
"""Squared gradient norms at which the counts are restated."""


def thresholds(classification: Classification) -> Thresholds:
    """The cut-offs that a job asks for."""
    return Thresholds(
        squared_gradient_norm=classification.squared_gradient_norm_cutoff,
        flatness=classification.flatness_cutoff,
        zero_eigenvalue=classification.zero_eigenvalue,
        relative=classification.zero_eigenvalue_scale == "relative",
    )


def count(points: Sequence[Point]) -> Counts:
    """Points by label."""
    labels = Counter(point.label for point in points)
    return Counts(
        critical=labels["critical"],
        gradient_flat=labels["gradient_flat"],
        unconverged=labels["unconverged"],
        unclassified=labels["unclassified"],
        failed=labels["failed"],
        ever_gradient_flat=sum(point.ever_gradient_flat for point in points),
    )


def fractions(counts: Counts) -> Fractions:
    """Shares of the points that did not fail, with intervals."""
    total = (
        counts.critical
        + counts.gradient_flat
        + counts.unconverged
        + counts.unclassified
    )
    return Fractions(
        critical=wilson(counts.critical, total),
        gradient_flat=wilson(counts.gradient_flat, total),
        unconverged=wilson(counts.unconverged, total),
        ever_gradient_flat=wilson(counts.ever_gradient_flat, total),
    )


def outcome(counts: Counts) -> str:
    """The report in three words."""
    if counts.critical:
        return "critical_points_found"
    if counts.gradient_flat or counts.unconverged or counts.unclassified:
        return "no_critical_points_found"
    return "all_starts_failed"


def summarise(points: Sequence[Point], classification: Classification) -> Summary:
    """The figures of the paper, as data."""
    return Summary(
        loss_index=[
            LossIndex(
                start=point.start,
                loss=point.loss,
                index_fraction=point.index.fraction,
            )
            for point in points
            if point.label == "critical"
            and point.loss is not None
            and point.index is not None
        ],
        relative_residual_ecdf=ResidualEcdf(
            final=_sorted(point.relative_residual for point in points),
            max=_sorted(point.relative_residual_max for point in points),
        ),
        cutoffs=[_restate(points, cutoff, classification) for cutoff in CUTOFFS],
    )


def _sorted(values: Iterable[float | None]) -> list[float]:
    return sorted(value for value in values if value is not None)


def _restate(
    points: Sequence[Point], cutoff: float, classification: Classification
) -> CutoffCounts:
    limits = Thresholds(
        squared_gradient_norm=cutoff,
        flatness=classification.flatness_cutoff,
        zero_eigenvalue=classification.zero_eigenvalue,
        relative=classification.zero_eigenvalue_scale == "relative",
    )
    labels = Counter(
        label(point.squared_gradient_norm, point.relative_residual, limits)
        for point in points
        if point.squared_gradient_norm is not None
    )
    return CutoffCounts(
        squared_gradient_norm_cutoff=cutoff,
        critical=labels[Label.CRITICAL],
        gradient_flat=labels[Label.GRADIENT_FLAT],
        unconverged=labels[Label.UNCONVERGED],
        unclassified=labels[Label.UNCLASSIFIED],
    )
