"""Weights that are not those of the architecture."""

import pytest

from tests.support.requests.refusals import Cases, assert_refused, with_weights
from tests.support.requests.requests import (
    FILES,
    MLP_TENSORS,
    NETWORK,
    RANDOM,
    WEIGHTS,
    request,
    tensor,
    weights_file,
)

MISMATCH = "weights_do_not_match_architecture"

CASES: Cases = {
    "missing": (with_weights(*MLP_TENSORS[:3]), "/problem/weights_file_id", MISMATCH),
    "left over": (
        with_weights(*MLP_TENSORS, tensor("layers.2.bias", 2)),
        "/problem/weights_file_id",
        MISMATCH,
    ),
    "misshapen": (
        with_weights(tensor("layers.0.weight", 4, 3), *MLP_TENSORS[1:]),
        "/problem/weights_file_id",
        MISMATCH,
    ),
    "stacked but not said": (
        with_weights(*(tensor(t.name, 5, *t.shape) for t in MLP_TENSORS)),
        "/problem/weights_file_id",
        MISMATCH,
    ),
    "said to be stacked": (
        with_weights(*MLP_TENSORS, stacked=True),
        "/problem/stacked",
        MISMATCH,
    ),
    "stacks of two heights": (
        with_weights(
            *(tensor(t.name, 5, *t.shape) for t in MLP_TENSORS[:3]),
            tensor("layers.1.bias", 4, 2),
            stacked=True,
        ),
        "/problem/stacked",
        MISMATCH,
    ),
    "not finite": (
        with_weights(*MLP_TENSORS[:3], tensor("layers.1.bias", 2, finite=False)),
        "/problem/weights_file_id",
        "weights_not_finite",
    ),
    "beyond float32": (
        (
            request(precision="float32"),
            FILES
            | {
                WEIGHTS: weights_file(
                    *MLP_TENSORS[:3], tensor("layers.1.bias", 2, high=1e39)
                )
            },
        ),
        "/precision",
        "weights_too_large",
    ),
    "map of an unknown parameter": (
        with_weights(*MLP_TENSORS, parameter_map={"a/b": "layers.0.bias"}),
        "/problem/parameter_map/a~1b",
        "parameter_not_found",
    ),
    "map to an unknown tensor": (
        with_weights(*MLP_TENSORS, parameter_map={"layers.0.bias": "b"}),
        "/problem/parameter_map/layers.0.bias",
        "tensor_not_found",
    ),
    "map to a tensor twice": (
        with_weights(*MLP_TENSORS, parameter_map={"layers.0.bias": "layers.1.bias"}),
        "/problem/parameter_map/layers.1.bias",
        "tensor_used_twice",
    ),
    "map that leaves one out": (
        with_weights(*MLP_TENSORS[:3], parameter_map={}),
        "/problem/parameter_map",
        MISMATCH,
    ),
    "map of no file": (
        request({**NETWORK, "weights_file_id": None, "parameter_map": {}}, RANDOM),
        "/problem/parameter_map",
        "weights_needed",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
