import pytest

from service.schemas.classification import Classification
from service.schemas.reports import Index, Label, Point
from tests.support.reports import point_of
from worker.reports.summaries import count, fractions, outcome, summarise

INDEX = Index(
    negative=1,
    zero=0,
    positive=3,
    fraction=0.25,
    method="exact",
    standard_error=None,
    interval=None,
)


def point(start: int, label: Label, square: float | None, r: float | None) -> Point:
    return point_of(start, label).model_copy(
        update={
            "ever_gradient_flat": label == "gradient_flat",
            "loss": 1.0 * start if square is not None else None,
            "squared_gradient_norm": square,
            "relative_residual": r,
            "relative_residual_max": r,
            "relative_residual_max_iteration": 0,
            "relative_residual_krylov": r,
            "index": INDEX if square is not None else None,
        }
    )


POINTS = [
    point(0, "critical", 1e-12, 0.3),
    point(1, "gradient_flat", 1e-5, 0.95),
    point(2, "gradient_flat", 1e-2, 0.99),
    point(3, "unconverged", 1e-7, 0.1),
    point(4, "failed", None, None),
    point(5, "critical", 0.0, None),
    point(6, "unclassified", 1e-5, None),
]


def test_counts_and_fractions() -> None:
    counts = count(POINTS)
    assert (counts.critical, counts.gradient_flat) == (2, 2)
    assert (counts.unconverged, counts.failed, counts.ever_gradient_flat) == (1, 1, 2)
    assert counts.unclassified == 1
    shares = fractions(counts)
    assert shares.critical is not None
    assert shares.critical.value == pytest.approx(1 / 3)  # failed starts are left out
    assert shares.critical.low < 1 / 3 < shares.critical.high


def test_outcomes() -> None:
    assert outcome(count(POINTS)) == "critical_points_found"
    assert outcome(count(POINTS[1:5])) == "no_critical_points_found"
    assert outcome(count(POINTS[4:5])) == "all_starts_failed"
    assert outcome(count(POINTS[6:])) == "no_critical_points_found"


def test_figures() -> None:
    summary = summarise(POINTS, Classification())
    assert [(each.start, each.loss) for each in summary.loss_index] == [(0, 0), (5, 5)]
    assert summary.relative_residual_ecdf.final == [0.1, 0.3, 0.95, 0.99]
    restated = {
        each.squared_gradient_norm_cutoff: (
            each.critical,
            each.gradient_flat,
            each.unconverged,
            each.unclassified,
        )
        for each in summary.cutoffs
    }
    assert restated == {
        1e-4: (5, 1, 0, 0),
        1e-6: (3, 2, 0, 1),
        1e-8: (2, 2, 1, 1),
        1e-10: (2, 2, 1, 1),
    }
