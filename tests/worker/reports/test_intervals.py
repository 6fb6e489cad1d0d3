import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import binomtest

from worker.reports.intervals import wilson


@settings(max_examples=50, deadline=None)
@given(total=st.integers(1, 500), share=st.floats(0.0, 1.0))
def test_agrees_with_scipy(total: int, share: float) -> None:
    successes = round(share * total)
    found = wilson(successes, total)
    assert found is not None
    expected = binomtest(successes, total).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)
    assert found.low <= found.value <= found.high


def test_no_sample_no_proportion() -> None:
    assert wilson(0, 0) is None
