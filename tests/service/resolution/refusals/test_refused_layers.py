"""Layers that do not fit the data or one another."""

import pytest

from tests.support.requests.refusals import (
    LINEAR,
    Cases,
    assert_refused,
    on_images,
    with_data,
)
from tests.support.requests.requests import MLP, labels, tensor

FLATTEN = {"kind": "flatten"}
CONV = {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}
POOL = {"kind": "max_pool2d", "kernel_size": 2}
LAYER = "/problem/architecture/layers"

CASES: Cases = {
    "mlp on other features": (
        with_data(tensor("x", 10, 5), labels()),
        "/problem/architecture/sizes/0",
        "dataset_does_not_fit_architecture",
    ),
    "mlp on images": (
        on_images(architecture=MLP),
        "/problem/architecture/sizes/0",
        "dataset_does_not_fit_architecture",
    ),
    "first linear": (
        on_images(FLATTEN, {**LINEAR, "in_features": 60}),
        f"{LAYER}/1/in_features",
        "dataset_does_not_fit_architecture",
    ),
    "second linear": (
        on_images(FLATTEN, LINEAR, {**LINEAR, "in_features": 11}),
        f"{LAYER}/2/in_features",
        "layers_do_not_fit",
    ),
    "linear without flatten": (
        on_images(CONV, {**LINEAR, "in_features": 72}),
        f"{LAYER}/1/in_features",
        "layers_do_not_fit",
    ),
    "channels of the data": (
        on_images({**CONV, "in_channels": 3}, FLATTEN, LINEAR),
        f"{LAYER}/0/in_channels",
        "dataset_does_not_fit_architecture",
    ),
    "channels of a layer": (
        on_images(CONV, CONV, FLATTEN, LINEAR),
        f"{LAYER}/1/in_channels",
        "layers_do_not_fit",
    ),
    "kernel": (
        on_images({**CONV, "kernel_size": [9, 1]}, FLATTEN, LINEAR),
        f"{LAYER}/0/kernel_size",
        "kernel_too_large",
    ),
    "convolution of vectors": (
        on_images(FLATTEN, CONV, FLATTEN, LINEAR),
        f"{LAYER}/1/kind",
        "dataset_does_not_fit_architecture",
    ),
    "pooling of vectors": (
        on_images(FLATTEN, LINEAR, POOL),
        f"{LAYER}/2/kind",
        "layers_do_not_fit",
    ),
    "pooling's padding": (
        on_images({**POOL, "padding": [0, 2]}, FLATTEN, LINEAR),
        f"{LAYER}/0/padding",
        "padding_too_large",
    ),
    "pooling's kernel": (
        on_images({"kind": "avg_pool2d", "kernel_size": 9}, FLATTEN, LINEAR),
        f"{LAYER}/0/kernel_size",
        "kernel_too_large",
    ),
    "normalised shape": (
        on_images({"kind": "layer_norm", "normalized_shape": [8, 7]}, FLATTEN, LINEAR),
        f"{LAYER}/0/normalized_shape",
        "dataset_does_not_fit_architecture",
    ),
    "normalised rank": (
        on_images({"kind": "layer_norm", "normalized_shape": [1, 1, 8, 8]}),
        f"{LAYER}/0/normalized_shape",
        "dataset_does_not_fit_architecture",
    ),
    "residual of another width": (
        on_images(FLATTEN, {"kind": "residual", "layers": [LINEAR]}),
        f"{LAYER}/1/layers",
        "layers_do_not_fit",
    ),
    "shortcut of another width": (
        on_images(
            FLATTEN,
            {
                "kind": "residual",
                "layers": [LINEAR],
                "shortcut": [{**LINEAR, "out_features": 9}],
            },
        ),
        f"{LAYER}/1/shortcut",
        "layers_do_not_fit",
    ),
    "within a residual": (
        on_images(
            FLATTEN,
            LINEAR,
            {"kind": "residual", "layers": [{**LINEAR, "out_features": 10}]},
        ),
        f"{LAYER}/2/layers/0/in_features",
        "layers_do_not_fit",
    ),
    "within a shortcut": (
        on_images(
            FLATTEN,
            {
                "kind": "residual",
                "layers": [LINEAR],
                "shortcut": [{**LINEAR, "in_features": 63}],
            },
        ),
        f"{LAYER}/1/shortcut/0/in_features",
        "dataset_does_not_fit_architecture",
    ),
    "no parameters": (
        on_images(FLATTEN),
        "/problem/architecture",
        "no_parameters",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
