import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from worker.spectra.inertia import exact_inertia


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    threshold=st.floats(1e-6, 1.0),
)
def test_counts_are_those_of_numpy(values: list[float], threshold: float) -> None:
    found = exact_inertia(
        torch.tensor([values], dtype=torch.float64),
        torch.tensor([threshold], dtype=torch.float64),
    )
    truth = np.array(values)
    assert found.negative.item() == (truth < -threshold).sum()
    assert found.positive.item() == (truth > threshold).sum()
    assert found.zero.item() == (np.abs(truth) <= threshold).sum()
    assert found.fraction.item() == pytest.approx(found.negative.item() / len(values))
    assert found.interval[0].tolist() == [found.fraction.item()] * 2
