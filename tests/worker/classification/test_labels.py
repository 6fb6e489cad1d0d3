import pytest

from worker.classification.labels import Kind, Label, Thresholds, kind, label

THRESHOLDS = Thresholds(
    squared_gradient_norm=1e-10, flatness=0.9, zero_eigenvalue=1e-5, relative=False
)


@pytest.mark.parametrize(
    ("squared_gradient_norm", "relative_residual", "expected"),
    [
        (9.9e-11, 1.0, Label.CRITICAL),
        (1e-10, 1.0, Label.GRADIENT_FLAT),
        (1.0, 0.9, Label.UNCONVERGED),
        (1.0, 0.91, Label.GRADIENT_FLAT),
        (9.9e-11, None, Label.CRITICAL),
        (1.0, None, Label.UNCLASSIFIED),
    ],
)
def test_labels_follow_the_cutoffs(
    squared_gradient_norm: float, relative_residual: float | None, expected: Label
) -> None:
    assert label(squared_gradient_norm, relative_residual, THRESHOLDS) is expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((0, 0, 3), Kind.MINIMUM),
        ((0, 1, 2), Kind.DEGENERATE_MINIMUM),
        ((1, 0, 2), Kind.STRICT_SADDLE),
        ((1, 1, 1), Kind.DEGENERATE_SADDLE),
        ((3, 0, 0), Kind.MAXIMUM),
        ((2, 1, 0), Kind.DEGENERATE_MAXIMUM),
        ((0, 3, 0), Kind.FLAT),
    ],
)
def test_kinds_follow_the_signs(counts: tuple[int, int, int], expected: Kind) -> None:
    assert kind(*counts) is expected
