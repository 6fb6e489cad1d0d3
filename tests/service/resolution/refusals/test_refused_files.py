"""Files that are not there, or not what they are to be."""

import pytest

from tests.support.requests.refusals import Cases, assert_refused
from tests.support.requests.requests import (
    ABSENT,
    AUTOENCODER,
    DATA,
    DATASET,
    NETWORK,
    WEIGHTS,
    request,
)

CASES: Cases = {
    "weights unknown": (
        request({**NETWORK, "weights_file_id": ABSENT}),
        "/problem/weights_file_id",
        "file_not_found",
    ),
    "weights are data": (
        request({**NETWORK, "weights_file_id": DATA}),
        "/problem/weights_file_id",
        "wrong_purpose",
    ),
    "data unknown": (
        request({**NETWORK, "dataset": {**DATASET, "file_id": ABSENT}}),
        "/problem/dataset/file_id",
        "file_not_found",
    ),
    "data are weights": (
        request({**NETWORK, "dataset": {**DATASET, "file_id": WEIGHTS}}),
        "/problem/dataset/file_id",
        "wrong_purpose",
    ),
    "autoencoder's weights unknown": (
        request({**AUTOENCODER, "weights_file_id": ABSENT}),
        "/problem/weights_file_id",
        "file_not_found",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
