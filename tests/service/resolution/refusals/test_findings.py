"""What is told of a request that is wrong in several ways."""

from service.resolution.resolution import resolve
from tests.support.requests.requests import (
    ABSENT,
    DATASET,
    FILES,
    LIMITS,
    NETWORK,
    POLYNOMIAL,
    request,
)


def test_all_findings_are_told_at_once() -> None:
    bad = request(
        {**NETWORK, "weights_file_id": ABSENT, "dataset": {**DATASET, "input": "z"}},
        {"kind": "explicit", "points": [[1.0]]},
        spectrum={"kind": "lanczos", "top": 900},
    )

    findings = resolve(bad, FILES, LIMITS).findings

    assert [(error.pointer, error.code) for error in findings] == [
        ("/problem/weights_file_id", "file_not_found"),
        ("/problem/dataset/input", "tensor_not_found"),
        ("/starts/points/0", "wrong_length"),
        ("/spectrum/top", "top_too_large"),
    ]


def test_the_list_of_findings_is_bounded() -> None:
    bad = request(POLYNOMIAL, {"kind": "explicit", "points": [[1.0]] * 5000})

    assert len(resolve(bad, {}, LIMITS).findings) == 100
