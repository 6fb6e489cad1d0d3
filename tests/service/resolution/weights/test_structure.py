"""Names that could be meant in two ways are never matched in one of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from service.resolution.findings import FieldError
from service.resolution.resolution import resolve
from service.schemas.files import TensorSummary
from service.schemas.problems import NetworkProblem, Source
from tests.support.requests.layer_bodies import (
    Fields,
    attention,
    batch_norm,
    conv,
    encoder_layer,
    layer_norm,
    linear,
    residual,
)
from tests.support.requests.requests import (
    DATA,
    LIMITS,
    WEIGHTS,
    data_file,
    network,
    request,
    tensor,
    weights_file,
)

SEQUENCES = [tensor("x", 8, 5, 4), tensor("y", 8, 5, 4)]
VECTORS = [tensor("x", 8, 4), tensor("y", 8, 4)]
IMAGES = [tensor("x", 8, 2, 6, 6), tensor("y", 8, 2, 6, 6)]
SQUARE = {**linear(4, 4), "bias": False}


def module(name: str, *weight: int) -> list[TensorSummary]:
    """A module's weight and bias."""
    return [tensor(f"{name}.weight", *weight), tensor(f"{name}.bias", weight[0])]


def normalising(name: str, channels: int) -> list[TensorSummary]:
    """All that a batch norm has."""
    return [
        *module(name, channels),
        tensor(f"{name}.running_mean", channels),
        tensor(f"{name}.running_var", channels, low=0.5),
        tensor(f"{name}.num_batches_tracked", dtype="I64"),
    ]


def outcome(
    layers: Sequence[Fields],
    data: Sequence[TensorSummary],
    tensors: Sequence[TensorSummary],
    **changes: object,
) -> tuple[Mapping[str, Source] | None, list[FieldError]]:
    """The resolved parameter map, and what was found wrong."""
    files = {WEIGHTS: weights_file(*tensors), DATA: data_file(*data)}
    body = network(*layers, loss={"kind": "mse"}, **changes)
    found = resolve(request(body), files, LIMITS)
    if found.resolved is None:
        return None, found.findings
    problem = found.resolved.problem
    assert isinstance(problem, NetworkProblem)
    return problem.parameter_map, found.findings


NORM, MIXING = layer_norm(4), attention(4, 2)
MIXER = [*module("attn.qkv", 12, 4), *module("attn.proj", 4, 4)]
AMBIGUOUS: dict[str, tuple[list[Fields], list[Any], list[TensorSummary]]] = {
    "norms told apart by words": (
        [NORM, MIXING, NORM],
        SEQUENCES,
        [*module("norm_a", 4), *MIXER, *module("norm_b", 4)],
    ),
    "a norm before or after blocks of norms": (
        [NORM, *encoder_layer(4, 2, norm_first=False)],
        SEQUENCES,
        [
            *module("norm", 4),
            *module("layers.0.norm1", 4),
            *module("layers.0.norm2", 4),
            *module("layers.0.attn.qkv", 12, 4),
            *module("layers.0.attn.proj", 4, 4),
            *module("layers.0.linear1", 4, 4),
            *module("layers.0.linear2", 4, 4),
        ],
    ),
    "equal weights without numbers": (
        [SQUARE, SQUARE, SQUARE],
        VECTORS,
        [tensor(f"{name}.weight", 4, 4) for name in ("key", "query", "out")],
    ),
    "a scale and a shift": ([NORM], VECTORS, [tensor("a", 4), tensor("b", 4)]),
    "numbers that are equal": (
        [SQUARE, SQUARE],
        VECTORS,
        [tensor("a.01.weight", 4, 4), tensor("a.1.weight", 4, 4)],
    ),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_it_is_refused_with_candidates(name: str) -> None:
    layers, data, tensors = AMBIGUOUS[name]

    found, findings = outcome(layers, data, tensors)

    assert found is None
    assert {error.code for error in findings} == {"weights_do_not_match_architecture"}
    assert "parameter_map" in findings[0].detail
    assert all(" could be " in error.detail for error in findings[1:])
    assert len(findings) > 1


def test_norms_are_matched_by_their_numbers_not_by_their_place() -> None:
    tensors = [
        *module("block.attn.qkv", 12, 4),
        *module("block.attn.proj", 4, 4),
        *module("block.mlp.1", 4, 4),
        *module("block.mlp.3", 4, 4),
        *module("block.norm2", 4),
        *module("block.norm1", 4),
    ]

    first, _ = outcome(encoder_layer(4, 2, norm_first=True), SEQUENCES, tensors)
    last, _ = outcome(encoder_layer(4, 2, norm_first=False), SEQUENCES, tensors)

    assert first is not None
    assert first["0.layers.0.weight"] == "block.norm1.weight"
    assert first["1.layers.0.weight"] == "block.norm2.weight"
    assert last is not None
    assert last["1.weight"] == "block.norm1.weight"
    assert last["3.weight"] == "block.norm2.weight"


@pytest.mark.parametrize(
    "names",
    [("k", "q", "v"), ("key", "query", "value"), ("k_proj", "q_proj", "v_proj")],
)
def test_queries_come_before_keys_and_values(names: tuple[str, str, str]) -> None:
    key, query, value = (f"self.{name}" for name in names)
    tensors = [each for name in (key, query, value) for each in module(name, 4, 4)]

    found, _ = outcome([MIXING], SEQUENCES, [*tensors, *module("out", 4, 4)])

    assert found == {
        f"0.{ours}": theirs
        for ours, theirs in {
            "in_proj_weight": [f"{name}.weight" for name in (query, key, value)],
            "in_proj_bias": [f"{name}.bias" for name in (query, key, value)],
            "out_proj.weight": "out.weight",
            "out_proj.bias": "out.bias",
        }.items()
    }


def test_a_skip_connection_is_known_by_its_name() -> None:
    side = conv(2, 2, 1)
    block = {**residual(side, batch_norm(2)), "shortcut": [side, batch_norm(2)]}
    tensors = [
        tensor("block.conv.weight", 2, 2, 1, 1),
        *normalising("block.norm", 2),
        tensor("block.downsample.0.weight", 2, 2, 1, 1),
        *normalising("block.downsample.1", 2),
    ]

    found, _ = outcome([block], IMAGES, tensors)

    assert found is not None
    assert found["0.layers.0.weight"] == "block.conv.weight"
    assert found["0.layers.1.running_var"] == "block.norm.running_var"
    assert found["0.shortcut.0.weight"] == "block.downsample.0.weight"
    assert found["0.shortcut.1.running_mean"] == "block.downsample.1.running_mean"


def test_equal_names_win_over_structure() -> None:
    """Whatever they are wrapped in, and though numbers are out of order."""
    tensors = [tensor(f"module.{n}.weight", 4, 4) for n in (2, 0, 1)]

    found, _ = outcome([SQUARE] * 3, VECTORS, tensors)

    assert found == {f"{n}.weight": f"module.{n}.weight" for n in range(3)}


def test_a_word_that_contradicts_the_layer_is_no_match() -> None:
    norms, _ = outcome(
        [NORM, linear(4, 4)], VECTORS, [*module("fc", 4), *module("bn", 4, 4)]
    )

    assert norms is None


def test_a_map_brings_the_statistics_beside_its_weights() -> None:
    tensors = [*normalising("b", 4), *normalising("a", 4)]
    given = {
        f"{number}.{role}": f"{name}.{role}"
        for number, name in enumerate("ba")
        for role in ("weight", "bias")
    }

    found, _ = outcome([batch_norm(4)] * 2, VECTORS, tensors, parameter_map=given)

    assert found is not None
    assert found["0.running_var"] == "b.running_var"
    assert found["1.running_mean"] == "a.running_mean"


def test_statistics_may_be_left_out_only_together() -> None:
    everything = normalising("bn", 4)
    layers = [batch_norm(4)]

    parameters_only, _ = outcome(layers, VECTORS, everything[:2])
    half, findings = outcome(layers, VECTORS, everything[:3])

    assert parameters_only == {"0.weight": "bn.weight", "0.bias": "bn.bias"}
    assert half is None
    assert "Missing: 0.running_var [4]." in {error.detail for error in findings}


def test_negative_variances_are_refused() -> None:
    tensors = [*normalising("bn", 4)[:3], tensor("bn.running_var", 4, low=-0.1)]

    _, findings = outcome([batch_norm(4)], VECTORS, tensors)

    assert [error.code for error in findings] == ["variance_negative"]


@settings(deadline=None)
@given(
    st.lists(
        st.from_regex(r"[a-bA-B0-2_./-]{1,12}(weight|bias)?", fullmatch=True),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_any_names_are_matched_one_to_one_or_refused(names: list[str]) -> None:
    tensors = [tensor(name, 4, 4) for name in names]

    found, findings = outcome([SQUARE] * len(names), VECTORS, tensors)

    if found is None:
        assert findings
    else:
        assert sorted(map(str, found.values())) == sorted(names)


def test_names_that_fit_in_very_many_ways_are_refused_at_once() -> None:
    names = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    tensors = [tensor(f"{name}.weight", 4, 4) for name in names]
    started = time.process_time()

    found, findings = outcome([SQUARE] * 100, VECTORS, tensors)

    assert time.process_time() - started < 5.0
    assert found is None
    assert "several ways" in findings[0].detail
