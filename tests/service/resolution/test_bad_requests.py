"""Each way a request can be wrong, the field it is wrong in, and the code."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.resolution.files import FileSummary
from service.resolution.resolution import resolve
from service.schemas.files import TensorSummary
from service.schemas.jobs import JobRequest
from tests.support.requests import (
    ABSENT,
    AUTOENCODER,
    DATA,
    DATASET,
    FILES,
    IMAGES,
    LIMITS,
    MLP,
    MLP_TENSORS,
    NETWORK,
    POLYNOMIAL,
    RANDOM,
    UPLOADED,
    WEIGHTS,
    data_file,
    labels,
    network,
    request,
    tensor,
    weights_file,
)

Files = Mapping[str, FileSummary]
Case = JobRequest | tuple[JobRequest, Files]

LINEAR = {"kind": "linear", "in_features": 64, "out_features": 10}
FLATTEN = {"kind": "flatten"}
CONV = {"kind": "conv2d", "in_channels": 1, "out_channels": 2, "kernel_size": 3}
POOL = {"kind": "max_pool2d", "kernel_size": 2}
LAYER = "/problem/architecture/layers"
TRANSFORM = "/problem/dataset/transforms"


def on_images(*layers: Mapping[str, Any], **changes: object) -> JobRequest:
    """A job of these layers on the digits."""
    problem = network(*layers, weights_file_id=None, dataset=IMAGES, **changes)
    return request(problem, RANDOM)


def with_transforms(
    *transforms: Mapping[str, Any], dataset: Mapping[str, Any] = IMAGES
) -> JobRequest:
    """A job on data with these transforms."""
    data = {**dataset, "transforms": list(transforms)}
    layers = ({"kind": "flatten"}, LINEAR)
    return request(network(*layers, weights_file_id=None, dataset=data), RANDOM)


def with_weights(
    *tensors: TensorSummary, **changes: object
) -> tuple[JobRequest, Files]:
    """A job whose weights are these tensors."""
    return request({**NETWORK, **changes}), FILES | {WEIGHTS: weights_file(*tensors)}


def with_data(*tensors: TensorSummary, **changes: object) -> tuple[JobRequest, Files]:
    """A job whose data set is these tensors."""
    return request({**NETWORK, **changes}), FILES | {DATA: data_file(*tensors)}


X = tensor("x", 10, 4)

FILE_CASES: dict[str, tuple[Case, str, str]] = {
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
LAYER_CASES: dict[str, tuple[Case, str, str]] = {
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
DATA_CASES: dict[str, tuple[Case, str, str]] = {
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
TRANSFORM_CASES: dict[str, tuple[Case, str, str]] = {
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
MISMATCH = "weights_do_not_match_architecture"
WEIGHT_CASES: dict[str, tuple[Case, str, str]] = {
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
BOX = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "count": 4}
START_CASES: dict[str, tuple[Case, str, str]] = {
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
}
OTHER_CASES: dict[str, tuple[Case, str, str]] = {
    "powers": (
        request(
            {**POLYNOMIAL, "terms": [{"coefficient": 1.0, "powers": [1, 2, 3]}]}, BOX
        ),
        "/problem/terms/0/powers",
        "wrong_length",
    ),
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
    "hessian": (
        request(
            {
                **NETWORK,
                "weights_file_id": None,
                "architecture": {**MLP, "sizes": [4, 300, 2]},
            },
            RANDOM,
            finder={"kind": "levenberg_marquardt", "hessian": "exact"},
        ),
        "/finder/hessian",
        "hessian_too_large",
    ),
    "parameters": (
        request(
            {**NETWORK, "architecture": {**MLP, "sizes": [4, 1_000_000, 8]}}, RANDOM
        ),
        "/problem",
        "too_much_work",
    ),
    "samples": (
        with_data(tensor("x", 2_000_000, 4), labels(2_000_000)),
        "/problem",
        "too_much_work",
    ),
    "starts": (
        request(AUTOENCODER, {**RANDOM, "count": 10_001}),
        "/starts/count",
        "too_much_work",
    ),
    "iterations": (
        request(
            AUTOENCODER,
            {**RANDOM, "count": 30},
            finder={"kind": "newton_mr", "max_iterations": 1_000_000},
            precision="float32",
        ),
        "/finder",
        "too_much_work",
    ),
}
CASES = {
    f"{group}: {name}": case
    for group, cases in (
        ("file", FILE_CASES),
        ("layer", LAYER_CASES),
        ("data", DATA_CASES),
        ("transform", TRANSFORM_CASES),
        ("weights", WEIGHT_CASES),
        ("starts", START_CASES),
        ("other", OTHER_CASES),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    case, pointer, code = CASES[name]
    bad, files = case if isinstance(case, tuple) else (case, FILES)

    resolution = resolve(bad, files, LIMITS)

    assert resolution.resolved is None
    assert (pointer, code) in {(e.pointer, e.code) for e in resolution.findings}


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


def test_a_pattern_that_matches_nothing_is_told_the_names() -> None:
    bad = request(spectrum={"kind": "lanczos", "parameters": "LAYERS.*"})

    (finding,) = resolve(bad, FILES, LIMITS).findings

    assert all(summary.name in finding.detail for summary in MLP_TENSORS)


def test_the_list_of_findings_is_bounded() -> None:
    bad = request(POLYNOMIAL, {"kind": "explicit", "points": [[1.0]] * 5000})

    assert len(resolve(bad, {}, LIMITS).findings) == 100


def test_too_much_work_names_the_figure_and_the_limit() -> None:
    limits = LIMITS.model_copy(update={"starts": 2, "time_limit_seconds": 60})

    findings = resolve(request(AUTOENCODER, RANDOM), {}, limits).findings

    assert [(error.pointer, error.detail) for error in findings] == [
        ("/time_limit_seconds", "3600 seconds; the limit is 60."),
        ("/starts/count", "3 starts; the limit is 2."),
    ]


@pytest.mark.parametrize(
    ("kind", "hessian"),
    [
        ("newton_mr", "auto"),
        ("damped_newton", "krylov"),
        ("gradient_norm", None),
        ("none", None),
    ],
)
def test_large_networks_are_searched_without_hessians(
    kind: str, hessian: str | None
) -> None:
    chosen = {"kind": kind} | ({"hessian": hessian} if hessian else {})
    large = {**MLP, "sizes": [4, 300, 2]}
    problem = {**NETWORK, "weights_file_id": None, "architecture": large}

    assert resolve(request(problem, RANDOM, finder=chosen), FILES, LIMITS).resolved
