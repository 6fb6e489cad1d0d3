import math

import pytest
import torch
from scipy.stats import t

from tests.support.numerics.matrices import symmetric
from worker.linalg.operators import DenseOperator
from worker.spectra.estimates import Estimate, frobenius_norm, student_t, trace
from worker.spectra.quadrature import quadrature


@pytest.mark.parametrize("freedom", [*range(1, 12), 30, 1000])
def test_points_of_student_t_are_those_of_scipy(freedom: int) -> None:
    assert student_t(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=2e-3)


def test_one_sample_tells_nothing_of_its_error() -> None:
    found = Estimate.mean(torch.ones(1, 1), torch.ones(1))

    assert found.standard_error.isnan().all()
    assert found.reach().item() == math.inf


def test_many_probes_find_trace_and_norm() -> None:
    matrix = symmetric(torch.linspace(-1, 4, 40))
    rule = quadrature(
        DenseOperator(matrices=matrix[None]),
        matrix[None],
        stream="density",
        seed=3,
        starts=[5],
        probes=400,
        steps=4,
    )

    for found, truth in (
        (trace(rule), matrix.trace()),
        (frobenius_norm(rule), matrix.norm()),
    ):
        error = (found.value - truth).abs().item()
        assert error < 4 * found.standard_error.item()
        assert error < 0.05 * truth
