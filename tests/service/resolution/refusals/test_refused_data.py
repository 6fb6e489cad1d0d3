"""Data that a network or a loss cannot take."""

import pytest

from tests.support.requests.refusals import Cases, assert_refused, on_images, with_data
from tests.support.requests.requests import (
    DATASET,
    MLP,
    NETWORK,
    RANDOM,
    labels,
    request,
    tensor,
)

CONV = {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}
X = tensor("x", 10, 4)

CASES: Cases = {
    "input missing": (
        with_data(labels()),
        "/problem/dataset/input",
        "tensor_not_found",
    ),
    "target missing": (with_data(X), "/problem/dataset/target", "tensor_not_found"),
    "input not finite": (
        with_data(tensor("x", 10, 4, finite=False), labels()),
        "/problem/dataset/input",
        "dataset_not_finite",
    ),
    "target not finite": (
        with_data(X, tensor("y", 10, 2, finite=False), loss={"kind": "mse"}),
        "/problem/dataset/target",
        "dataset_not_finite",
    ),
    "input of one dimension": (
        with_data(tensor("x", 10), labels()),
        "/problem/dataset/input",
        "input_shape_invalid",
    ),
    "sample counts": (
        with_data(X, labels(9)),
        "/problem/dataset/target",
        "sample_counts_differ",
    ),
    "scalar target": (
        with_data(X, tensor("y")),
        "/problem/dataset/target",
        "sample_counts_differ",
    ),
    "classes in a matrix": (
        with_data(X, tensor("y", 10, 1, dtype="I64", low=0)),
        "/problem/dataset/target",
        "target_shape_invalid",
    ),
    "class too large": (
        with_data(X, labels(high=2)),
        "/problem/dataset",
        "target_out_of_range",
    ),
    "class negative": (
        with_data(X, labels(low=-1)),
        "/problem/dataset",
        "target_out_of_range",
    ),
    "float classes": (
        with_data(X, tensor("y", 10)),
        "/problem/loss/kind",
        "target_does_not_fit_loss",
    ),
    "classes of an autoencoder": (
        with_data(X, dataset={**DATASET, "target": "x"}),
        "/problem/loss/kind",
        "target_does_not_fit_loss",
    ),
    "mse of classes": (
        with_data(X, labels(), loss={"kind": "mse"}),
        "/problem/loss/kind",
        "target_does_not_fit_loss",
    ),
    "mse of other outputs": (
        with_data(X, tensor("y", 10, 3), loss={"kind": "mse"}),
        "/problem/dataset",
        "dataset_does_not_fit_architecture",
    ),
    "mse of a missing dimension": (
        with_data(X, tensor("y", 10), loss={"kind": "mse"}),
        "/problem/dataset",
        "dataset_does_not_fit_architecture",
    ),
    "cross entropy of images": (
        on_images(CONV),
        "/problem/architecture",
        "output_does_not_fit_loss",
    ),
    "variances": (
        request(
            {
                **NETWORK,
                "weights_file_id": None,
                "loss": {"kind": "mse"},
                "architecture": {**MLP, "sizes": [4, 4]},
                "dataset": {
                    "kind": "gaussian",
                    "features": 4,
                    "samples": 9,
                    "covariance": {"kind": "diagonal", "values": [1.0, 2.0, 3.0]},
                },
            },
            RANDOM,
        ),
        "/problem/dataset/covariance/values",
        "wrong_length",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
