"""Transforms that do not fit the data."""

import pytest

from tests.support.requests.refusals import Cases, assert_refused, with_transforms
from tests.support.requests.requests import (
    DATA,
    DATASET,
    FILES,
    IMAGES,
    data_file,
    tensor,
)

TRANSFORM = "/problem/dataset/transforms"
X = tensor("x", 10, 4)

CASES: Cases = {
    "crop": (
        with_transforms({"kind": "crop", "size": 9}),
        f"{TRANSFORM}/0/size",
        "crop_too_large",
    ),
    "crop of vectors": (
        with_transforms({"kind": "flatten"}, {"kind": "crop", "size": 2}),
        f"{TRANSFORM}/1/kind",
        "transform_does_not_apply",
    ),
    "resize": (
        with_transforms({"kind": "resize", "size": 3}),
        f"{TRANSFORM}/0/size",
        "resize_does_not_divide",
    ),
    "enlarge": (
        with_transforms({"kind": "resize", "size": 16}),
        f"{TRANSFORM}/0/size",
        "resize_does_not_divide",
    ),
    "components": (
        with_transforms({"kind": "pca", "components": 65}),
        f"{TRANSFORM}/0/components",
        "too_many_components",
    ),
    "components of few samples": (
        with_transforms(
            {"kind": "subset", "count": 20}, {"kind": "pca", "components": 21}
        ),
        f"{TRANSFORM}/1/components",
        "too_many_components",
    ),
    "subset": (
        with_transforms({"kind": "subset", "count": 1798}),
        f"{TRANSFORM}/0/count",
        "subset_too_large",
    ),
    "subset of classes": (
        with_transforms({"kind": "subset", "classes": [0, 1], "count": 361}),
        f"{TRANSFORM}/0/count",
        "subset_too_large",
    ),
    "class absent": (
        with_transforms({"kind": "subset", "classes": [0, 10]}),
        f"{TRANSFORM}/0/classes",
        "class_not_found",
    ),
    "class relabelled": (
        with_transforms(
            {"kind": "subset", "classes": [7, 9]}, {"kind": "subset", "classes": [7]}
        ),
        f"{TRANSFORM}/1/classes",
        "class_not_found",
    ),
    "class twice": (
        with_transforms({"kind": "subset", "classes": [1, 1]}),
        f"{TRANSFORM}/0/classes",
        "class_repeated",
    ),
    "classes of no labels": (
        (
            with_transforms({"kind": "subset", "classes": [1]}, dataset=DATASET),
            FILES | {DATA: data_file(X, tensor("y", 10, 2))},
        ),
        f"{TRANSFORM}/0/classes",
        "transform_does_not_apply",
    ),
    "one-hot too narrow": (
        with_transforms({"kind": "one_hot", "classes": 9}),
        f"{TRANSFORM}/0/classes",
        "target_out_of_range",
    ),
    "one-hot twice": (
        with_transforms(
            {"kind": "one_hot", "classes": 10}, {"kind": "one_hot", "classes": 10}
        ),
        f"{TRANSFORM}/1/kind",
        "transform_does_not_apply",
    ),
    "permuted autoencoder": (
        with_transforms(
            {"kind": "permute_labels"}, dataset={**IMAGES, "target": "images"}
        ),
        f"{TRANSFORM}/0/kind",
        "transform_does_not_apply",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])
