"""Architectures that nobody means are refused by name, at once."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.support.requests.layer_bodies import (
    Fields,
    attention,
    batch_norm,
    conv,
    layer_norm,
    linear,
    residual,
)
from tests.support.servers.live_api import Tenant

BILLION = 10**9
FLATTEN: Fields = {"kind": "flatten"}
MEAN: Fields = {"kind": "mean_positions"}


def nested(depth: int) -> Fields:
    """A residual block in a residual block, and so on."""
    layer: Fields = {"kind": "tanh"}
    for _ in range(depth):
        layer = residual(layer)
    return layer


def positions(count: int, width: int = 8) -> Fields:
    return {
        "kind": "positional_embedding",
        "num_positions": count,
        "embedding_dim": width,
    }


def embedding(count: int, width: int = 8) -> Fields:
    return {"kind": "embedding", "num_embeddings": count, "embedding_dim": width}


def pool(kind: str, **options: object) -> Fields:
    return {"kind": kind, **options}


# On images (1, 8, 8) of 10 classes, or their grey levels; a fault's code and its place.
LAYERS: dict[str, tuple[list[Any], str, str]] = {
    "negative channels": ([conv(1, -4, 3)], "greater_than_equal", "0/out_channels"),
    "no channels": ([conv(1, 0, 3)], "greater_than_equal", "0/out_channels"),
    "a billion channels": (
        [conv(1, BILLION, 3)],
        "less_than_equal",
        "0/out_channels",
    ),
    "a million outputs": ([FLATTEN, linear(64, 10**6)], "too_much_work", ""),
    "channels as text": (
        [{**conv(1, 2, 3), "out_channels": "4"}],
        "int_type",
        "0/out_channels",
    ),
    "half a channel": (
        [{**conv(1, 2, 3), "out_channels": 1.5}],
        "int_type",
        "0/out_channels",
    ),
    "channels beyond 64 bits": (
        [conv(1, 2**70, 3)],
        "less_than_equal",
        "0/out_channels",
    ),
    "a kernel of nothing": ([conv(1, 2, 0)], "greater_than_equal", "0/kernel_size"),
    "a billion wide kernel": (
        [conv(1, 2, BILLION)],
        "less_than_equal",
        "0/kernel_size",
    ),
    "a kernel larger than the image": (
        [{**conv(1, 2, 9), "padding": 0}],
        "kernel_too_large",
        "0/kernel_size",
    ),
    "a kernel of three sides": (
        [{**conv(1, 2, 3), "kernel_size": [3, 3, 3]}],
        "too_long",
        "0/kernel_size",
    ),
    "a stride of nothing": (
        [{**conv(1, 2, 3), "stride": 0}],
        "greater_than_equal",
        "0/stride",
    ),
    "negative padding": (
        [{**conv(1, 2, 3), "padding": -1}],
        "greater_than_equal",
        "0/padding",
    ),
    "padding without end": (
        [{**conv(1, 64, 3), "padding": 4096}],
        "too_much_work",
        "",
    ),
    "dilation beyond the image": (
        [{**conv(1, 2, 3), "dilation": 4096}],
        "kernel_too_large",
        "0/kernel_size",
    ),
    "no groups": ([{**conv(1, 2, 3), "groups": 0}], "greater_than_equal", "0/groups"),
    "groups that do not divide": (
        [{**conv(1, 2, 3), "groups": 2}],
        "groups_do_not_divide",
        "0/groups",
    ),
    "more groups than channels": (
        [{**conv(1, 2, 3), "groups": 10**6}],
        "groups_do_not_divide",
        "0/groups",
    ),
    "other channels than given": (
        [conv(1, 2, 3), conv(3, 2, 3)],
        "layers_do_not_fit",
        "1/in_channels",
    ),
    "a pool larger than the image": (
        [pool("max_pool2d", kernel_size=9)],
        "kernel_too_large",
        "0/kernel_size",
    ),
    "a pool of padding": (
        [pool("avg_pool2d", kernel_size=2, padding=2)],
        "padding_too_large",
        "0/padding",
    ),
    "means of nothing": (
        [pool("adaptive_avg_pool2d", output_size=0)],
        "greater_than_equal",
        "0/output_size",
    ),
    "more means than memory": (
        [
            conv(1, 64, 1),
            pool("adaptive_avg_pool2d", output_size=4096),
            pool("adaptive_avg_pool2d", output_size=1),
            FLATTEN,
            linear(64, 10),
        ],
        "too_much_work",
        "",
    ),
    "a pool of the wrong rank": (
        [pool("max_pool1d", kernel_size=2)],
        "dataset_does_not_fit_architecture",
        "0/kind",
    ),
    "a pool behind a flattening": (
        [FLATTEN, pool("avg_pool2d", kernel_size=2)],
        "dataset_does_not_fit_architecture",
        "1/kind",
    ),
    "negative eps": (
        [{**layer_norm(8), "eps": -1e-5}],
        "greater_than",
        "0/eps",
    ),
    "eps of nothing": ([{**batch_norm(1), "eps": 0.0}], "greater_than", "0/eps"),
    "eps without bound": (
        [{**batch_norm(1), "eps": 1e300}],
        "less_than_equal",
        "0/eps",
    ),
    "a norm of nothing": (
        [{**layer_norm(8), "normalized_shape": []}],
        "too_short",
        "0/normalized_shape",
    ),
    "a norm of five sides": (
        [{**layer_norm(8), "normalized_shape": [1] * 5}],
        "too_long",
        "0/normalized_shape",
    ),
    "a norm of more sides than given": (
        [{**layer_norm(8), "normalized_shape": [1, 1, 8, 8]}],
        "dataset_does_not_fit_architecture",
        "0/normalized_shape",
    ),
    "a norm of other channels": (
        [batch_norm(2)],
        "dataset_does_not_fit_architecture",
        "0/num_features",
    ),
    "groups that do not divide channels": (
        [{"kind": "group_norm", "num_groups": 2, "num_channels": 1}],
        "groups_do_not_divide",
        "0/num_groups",
    ),
    "attention of images": (
        [attention(8, 2)],
        "dataset_does_not_fit_architecture",
        "0/kind",
    ),
    "an embedding of reals": (
        [embedding(17)],
        "dataset_does_not_fit_architecture",
        "0/kind",
    ),
    "means of images": ([MEAN], "dataset_does_not_fit_architecture", "0/kind"),
    "skips that do not fit": (
        [residual(conv(1, 2, 3), conv(2, 3, 3)), FLATTEN, linear(192, 10)],
        "layers_do_not_fit",
        "0/layers",
    ),
    "skips of nothing": ([residual()], "too_short", "0/layers"),
    "layers in layers": ([nested(20)], "body_malformed", ""),
    "layers in layers without end": ([nested(400)], "body_malformed", ""),
    "many layers in layers": (
        [residual(*[residual(*[{"kind": "tanh"}] * 64)] * 64)] * 200,
        "body_too_large",
        "",
    ),
    "no layers": ([], "too_short", ""),
    "too many layers": ([{"kind": "tanh"}] * 257, "too_long", ""),
    "nothing to learn": ([FLATTEN, {"kind": "tanh"}], "no_parameters", ""),
    "dropout": ([{"kind": "dropout", "p": 0.5}], "dropout_not_deterministic", "0"),
    "another dropout": ([{"kind": "Dropout2d"}], "dropout_not_deterministic", "0"),
    "an unknown layer": ([{"kind": "lstm"}], "union_tag_invalid", "0/kind"),
    "a layer without a kind": ([{"in_features": 4}], "union_tag_not_found", "0/kind"),
    "no layer at all": ([None], "model_attributes_type", "0"),
    "a layer that is a list": ([[]], "model_attributes_type", "0"),
    "an unknown option": (
        [{**linear(8, 8), "device": "cuda"}],
        "extra_forbidden",
        "0/device",
    ),
    "outputs that are images": ([conv(1, 10, 3)], "output_does_not_fit_loss", ""),
    "too few outputs": (
        [FLATTEN, linear(64, 9)],
        "target_out_of_range",
        "",
    ),
}
LEVELS: dict[str, tuple[list[Any], str, str]] = {
    "heads that do not divide": (
        [FLATTEN, embedding(17), attention(8, 3), MEAN, linear(8, 10)],
        "heads_do_not_divide",
        "2/num_heads",
    ),
    "more heads than features": (
        [FLATTEN, embedding(17), attention(8, 4096), MEAN, linear(8, 10)],
        "heads_do_not_divide",
        "2/num_heads",
    ),
    "no heads": (
        [FLATTEN, embedding(17), attention(8, 0)],
        "greater_than_equal",
        "2/num_heads",
    ),
    "attention of another width": (
        [FLATTEN, embedding(17), attention(4, 2), MEAN, linear(4, 10)],
        "layers_do_not_fit",
        "2/embed_dim",
    ),
    "a sequence longer than its positions": (
        [FLATTEN, embedding(17), positions(63), MEAN, linear(8, 10)],
        "layers_do_not_fit",
        "2/num_positions",
    ),
    "integers beyond the embedding": (
        [FLATTEN, embedding(16), MEAN, linear(8, 10)],
        "input_out_of_range",
        "1/num_embeddings",
    ),
    "a billion embeddings": (
        [embedding(BILLION)],
        "less_than_equal",
        "0/num_embeddings",
    ),
    "an embedding of an embedding": (
        [FLATTEN, embedding(17), embedding(17)],
        "layers_do_not_fit",
        "2/kind",
    ),
}
MLPS: dict[str, tuple[Any, str, str]] = {
    "one size": ([64], "too_short", ""),
    "many sizes": ([64] * 65, "too_long", ""),
    "a negative size": ([64, -1, 10], "greater_than_equal", "1"),
    "a size of nothing": ([64, 0, 10], "greater_than_equal", "1"),
    "a billion": ([64, BILLION, 10], "less_than_equal", "1"),
    "a million times a million": ([10**6, 10**6], "too_much_work", ""),
    "a truth value": ([64, True, 10], "int_type", "1"),
}


def body(architecture: Fields, *, levels: bool = False) -> dict[str, Any]:
    return {
        "problem": {
            "kind": "network",
            "architecture": architecture,
            "dataset": {
                "kind": "builtin",
                "name": "digits",
                "input": "levels" if levels else "images",
            },
            "loss": {"kind": "cross_entropy"},
        },
        "starts": {"kind": "random", "count": 1},
    }


def sent(tenant: Tenant, content: str) -> httpx.Response:
    """The answer, which comes at once."""
    started = time.process_time()
    answer = tenant.http.post(
        "/v1/jobs", content=content, headers={"Content-Type": "application/json"}
    )
    assert time.process_time() - started < 2.0
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer


def check(answer: httpx.Response, code: str, pointer: str) -> None:
    told = answer.json()
    named = {told["code"], *(error["code"] for error in told["errors"] or ())}
    assert code in named, told
    if pointer:
        assert pointer in {error["pointer"] for error in told["errors"]}


@pytest.mark.parametrize("name", LAYERS | LEVELS)
def test_layers_are_refused(name: str, tenant: Tenant) -> None:
    layers, code, place = (LAYERS | LEVELS)[name]
    architecture = {"kind": "sequential", "layers": layers}

    answer = sent(tenant, json.dumps(body(architecture, levels=name in LEVELS)))

    check(answer, code, place and f"/problem/architecture/layers/{place}")


@pytest.mark.parametrize("name", MLPS)
def test_sizes_are_refused(name: str, tenant: Tenant) -> None:
    sizes, code, place = MLPS[name]
    architecture = {"kind": "mlp", "sizes": sizes, "activation": "tanh"}

    answer = sent(tenant, json.dumps(body(architecture)))

    check(answer, code, place and f"/problem/architecture/sizes/{place}")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(number: str, tenant: Tenant) -> None:
    architecture = {"kind": "sequential", "layers": [{**layer_norm(8), "eps": 12345.0}]}
    content = json.dumps(body(architecture)).replace("12345.0", number)

    sent(tenant, content)
