"""Starts that are not points of the problem, and terms in other variables."""

import pytest

from tests.support.requests.refusals import Cases, assert_refused
from tests.support.requests.requests import (
    AUTOENCODER,
    FILES,
    MLP_TENSORS,
    NETWORK,
    POLYNOMIAL,
    RANDOM,
    UPLOADED,
    WEIGHTS,
    request,
    tensor,
    weights_file,
)

BOX = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "count": 4}

CASES: Cases = {
    "no file": (
        request({**NETWORK, "weights_file_id": None}),
        "/problem/weights_file_id",
        "weights_needed",
    ),
    "repeated": (
        request(starts={"kind": "weights", "count": 2}),
        "/starts/count",
        "starts_repeat",
    ),
    "random polynomial": (
        request(POLYNOMIAL, RANDOM),
        "/starts/kind",
        "starts_do_not_fit_problem",
    ),
    "polynomial's weights": (
        request(POLYNOMIAL, UPLOADED),
        "/starts/kind",
        "starts_do_not_fit_problem",
    ),
    "polynomial's trajectory": (
        request(POLYNOMIAL, {"kind": "trajectory", "count": 4}),
        "/starts/kind",
        "starts_do_not_fit_problem",
    ),
    "trajectory of several": (
        (
            request({**NETWORK, "stacked": True}, {"kind": "trajectory", "count": 4}),
            FILES
            | {
                WEIGHTS: weights_file(
                    *(tensor(t.name, 5, *t.shape) for t in MLP_TENSORS)
                )
            },
        ),
        "/starts/kind",
        "starts_do_not_fit_weights",
    ),
    "point of another length": (
        request(POLYNOMIAL, {"kind": "explicit", "points": [[1.0, 2.0], [1.0]]}),
        "/starts/points/1",
        "wrong_length",
    ),
    "low of another length": (
        request(POLYNOMIAL, {**BOX, "low": [0.0]}),
        "/starts/low",
        "wrong_length",
    ),
    "high of another length": (
        request(AUTOENCODER, {**BOX, "low": [0.0] * 24}),
        "/starts/high",
        "wrong_length",
    ),
    "low above high": (
        request(POLYNOMIAL, {**BOX, "low": [0.0, 2.0]}),
        "/starts/low/1",
        "box_empty",
    ),
    "powers": (
        request(
            {**POLYNOMIAL, "terms": [{"coefficient": 1.0, "powers": [1, 2, 3]}]}, BOX
        ),
        "/problem/terms/0/powers",
        "wrong_length",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
