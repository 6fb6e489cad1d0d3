from typing import Any

import pytest
from pydantic import ValidationError

from service.problems.validation import body_pointer, field_errors
from service.schemas.jobs import JobRequest
from service.schemas.problem_details import FieldError


def job() -> dict[str, Any]:
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": [4, 2], "activation": "tanh"},
            "dataset": {"kind": "builtin", "name": "digits", "transforms": []},
            "loss": {"kind": "mse"},
        },
        "starts": {"kind": "random", "count": 2},
    }


def told(body: dict[str, Any]) -> list[FieldError]:
    with pytest.raises(ValidationError) as failure:
        JobRequest.model_validate(body)
    errors = [
        {**error, "loc": ("body", *error["loc"])} for error in failure.value.errors()
    ]
    return field_errors(errors, body)


def pointers(body: dict[str, Any]) -> dict[str, str]:
    return {it.pointer: it.code for it in told(body)}


def details(body: dict[str, Any]) -> dict[str, str]:
    return {it.pointer: it.detail for it in told(body)}


def edited(path: str, value: object) -> dict[str, Any]:
    body: Any = job()
    *parents, last = path.split("/")
    at = body
    for step in parents:
        at = at[int(step)] if isinstance(at, list) else at[step]
    if isinstance(at, list):
        at.insert(int(last), value)
    else:
        at[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "pointer", "code"),
    [
        (
            "problem/architecture/sizes/0",
            "x",
            "/problem/architecture/sizes/0",
            "int_type",
        ),
        (
            "problem/architecture/sizes/1",
            -1,
            "/problem/architecture/sizes/1",
            "greater_than_equal",
        ),
        ("problem/network", 1, "/problem/network", "extra_forbidden"),
        ("problem/architecture/mlp", 1, "/problem/architecture/mlp", "extra_forbidden"),
        ("problem/kind", "magic", "/problem/kind", "union_tag_invalid"),
        ("problem/loss", {}, "/problem/loss/kind", "union_tag_not_found"),
        ("problem/loss/l2", None, "/problem/loss/l2", "float_type"),
        ("problem/dataset/transforms", 5, "/problem/dataset/transforms", "list_type"),
        (
            "problem/dataset/transforms/0",
            {"kind": "pca"},
            "/problem/dataset/transforms/0/components",
            "missing",
        ),
        ("starts/count", 1.5, "/starts/count", "int_type"),
        ("seed", True, "/seed", "int_type"),
        ("labels", {"a/b~": "x"}, "/labels/a~1b~0", "string_pattern_mismatch"),
        ("labels", {"a": 1}, "/labels/a", "string_type"),
        ("finder", {"kind": "newton_mr", "rtol": 2.0}, "/finder/rtol", "less_than"),
    ],
)
def test_pointers_name_what_the_client_sent(
    path: str, value: object, pointer: str, code: str
) -> None:
    assert pointers(edited(path, value)) == {pointer: code}


@pytest.mark.parametrize(
    ("path", "value", "pointer", "detail"),
    [
        ("problem/loss", {}, "/problem/loss/kind", "Field required"),
        ("problem/loss", None, "/problem/loss", "Input should be an object"),
        ("finder", 5, "/finder", "Input should be an object"),
        ("classification", [], "/classification", "Input should be an object"),
        ("labels", "a", "/labels", "Input should be an object"),
    ],
)
def test_details_are_in_words_of_json(
    path: str, value: object, pointer: str, detail: str
) -> None:
    assert details(edited(path, value)) == {pointer: detail}


def test_a_union_without_tags_points_to_the_value() -> None:
    layer = {
        "kind": "conv2d",
        "in_channels": 1,
        "out_channels": 1,
        "kernel_size": ["x", 3],
    }
    body = edited("problem/architecture", {"kind": "sequential", "layers": [layer]})
    found = pointers(body)
    assert set(found) == {
        "/problem/architecture/layers/0/kernel_size",
        "/problem/architecture/layers/0/kernel_size/0",
    }


def test_layers_within_layers() -> None:
    layers = [{"kind": "residual", "layers": [{"kind": "linear", "in_features": 0}]}]
    body = edited("problem/architecture", {"kind": "sequential", "layers": layers})
    assert pointers(body) == {
        "/problem/architecture/layers/0/layers/0/in_features": "greater_than_equal",
        "/problem/architecture/layers/0/layers/0/out_features": "missing",
    }


def test_inputs_are_not_repeated_and_errors_are_bounded() -> None:
    body = edited("problem/kind", "my-secret")
    body["starts"] = {"kind": "explicit", "points": [["x"] * 1000]}
    errors = told(body)
    assert len(errors) == 50
    assert "my-secret" not in "".join(it.model_dump_json() for it in errors)


def test_the_whole_body() -> None:
    assert body_pointer([], {}) == ""
