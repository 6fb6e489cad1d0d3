"""Spectra that the problem does not have."""

import pytest

from service.resolution.resolution import resolve
from tests.support.requests.refusals import Cases, assert_refused
from tests.support.requests.requests import (
    FILES,
    LIMITS,
    MLP_TENSORS,
    POLYNOMIAL,
    request,
)

BOX = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "count": 4}

CASES: Cases = {
    "eigenvalues": (
        request(POLYNOMIAL, BOX, spectrum={"kind": "lanczos", "top": 3}),
        "/spectrum/top",
        "top_too_large",
    ),
    "nothing of a spectrum": (
        request(spectrum={"kind": "lanczos", "extremes": False}),
        "/spectrum/extremes",
        "extremes_needed",
    ),
    "no eigenvectors": (
        request(
            spectrum={
                "kind": "lanczos",
                "extremes": False,
                "eigenvectors": True,
                "density": {},
            }
        ),
        "/spectrum/extremes",
        "extremes_needed",
    ),
    "eigenvalues of a block": (
        request(spectrum={"kind": "lanczos", "parameters": "*.1.bias", "top": 3}),
        "/spectrum/top",
        "top_too_large",
    ),
    "no such block": (
        request(spectrum={"kind": "lanczos", "parameters": "layer.*"}),
        "/spectrum/parameters",
        "no_parameters_match",
    ),
    "Gauss-Newton matrix of a polynomial": (
        request(POLYNOMIAL, BOX, spectrum={"kind": "lanczos", "matrix": "fisher"}),
        "/spectrum/matrix",
        "matrix_undefined",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])


def test_a_pattern_that_matches_nothing_is_told_the_names() -> None:
    bad = request(spectrum={"kind": "lanczos", "parameters": "LAYERS.*"})

    (finding,) = resolve(bad, FILES, LIMITS).findings

    assert all(summary.name in finding.detail for summary in MLP_TENSORS)
