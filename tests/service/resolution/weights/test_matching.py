"""Uploaded names: equal, in natural order, mapped, or refused."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, strategies as st

from service.resolution.resolution import resolve
from service.schemas.files import TensorSummary
from service.schemas.problems import NetworkProblem, Source
from tests.support.requests.requests import (
    AUTOENCODER,
    FILES,
    LIMITS,
    MLP,
    MLP_TENSORS,
    NETWORK,
    WEIGHTS,
    request,
    tensor,
    weights_file,
)

OURS = [summary.name for summary in MLP_TENSORS]


def matched(
    tensors: Sequence[TensorSummary],
    sizes: Sequence[int] = (4, 3, 2),
    *,
    bias: bool = True,
    **changes: object,
) -> Mapping[str, Source] | None:
    """The resolved parameter map of a small network."""
    architecture = {**MLP, "sizes": list(sizes), "bias": bias}
    bad = request({**NETWORK, "architecture": architecture, **changes})
    files = FILES | {WEIGHTS: weights_file(*tensors)}
    resolution = resolve(bad, files, LIMITS)
    if resolution.resolved is None:
        return None
    problem = resolution.resolved.problem
    assert isinstance(problem, NetworkProblem)
    return problem.parameter_map


def renamed(names: Sequence[str]) -> list[TensorSummary]:
    """The tensors of the small network under other names."""
    return [
        summary.model_copy(update={"name": name})
        for name, summary in zip(names, MLP_TENSORS, strict=True)
    ]


def test_equal_names_are_used() -> None:
    assert matched(MLP_TENSORS) == {name: name for name in OURS}


@pytest.mark.parametrize(
    "names",
    [
        ["0.weight", "0.bias", "2.weight", "2.bias"],
        ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"],
        ["net/9/weight", "net/9/bias", "net/10/weight", "net/10/bias"],
        ["W1", "b1", "W2", "b2"],
        ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"],
        ["layers.1.weight", "layers.1.bias", "layers.3.weight", "layers.3.bias"],
    ],
)
def test_other_names_are_matched_by_shape_and_order(names: list[str]) -> None:
    uploaded = sorted(renamed(names), key=lambda summary: summary.name)

    assert matched(uploaded) == dict(zip(OURS, names, strict=True))


@given(order=st.permutations(range(12)))
def test_layers_of_equal_shape_come_in_the_order_of_their_numbers(
    order: list[int],
) -> None:
    uploaded = [tensor(f"block.{number}.weight", 4, 4) for number in order]

    found = matched(uploaded, [4] * 13, bias=False)

    assert found == {f"layers.{n}.weight": f"block.{n}.weight" for n in range(12)}


@pytest.mark.parametrize(
    ("tensors", "sizes"),
    [
        pytest.param(
            [tensor("encoder.weight", 4, 4), tensor("decoder.weight", 4, 4)],
            [4, 4, 4],
            id="equal shapes, no numbers",
        ),
        pytest.param(
            [tensor("encoder.0.weight", 4, 4), tensor("decoder.0.weight", 4, 4)],
            [4, 4, 4],
            id="equal shapes, equal numbers",
        ),
        pytest.param(
            [tensor("fc1.weight", 4, 3), tensor("fc2.weight", 3, 4)],
            [4, 3, 4],
            id="transposed",
        ),
        pytest.param(
            [tensor("fc1.weight", 3, 4), tensor("fc1.other", 2, 3), tensor("s", 1)],
            [4, 3, 2],
            id="left over",
        ),
        pytest.param([tensor("fc1.weight", 3, 4)], [4, 3, 2], id="missing"),
    ],
)
def test_what_could_be_meant_in_two_ways_is_refused(
    tensors: list[TensorSummary], sizes: list[int]
) -> None:
    assert matched(tensors, sizes, bias=False) is None


def test_a_map_settles_it_and_may_leave_tensors_out() -> None:
    tensors = [
        tensor("encoder.weight", 4, 4),
        tensor("decoder.weight", 4, 4),
        tensor("optimizer.step", 1),
    ]
    parameter_map = {
        "layers.0.weight": "encoder.weight",
        "layers.1.weight": "decoder.weight",
    }

    found = matched(tensors, [4, 4, 4], bias=False, parameter_map=parameter_map)

    assert found == parameter_map


def test_a_partial_map_is_completed_with_equal_names() -> None:
    tensors = [tensor("first", 3, 4), *MLP_TENSORS[1:]]

    found = matched(tensors, parameter_map={"layers.0.weight": "first"})

    assert found == {"layers.0.weight": "first"} | {name: name for name in OURS[1:]}


@given(
    points=st.integers(1, 50),
    names=st.sampled_from([OURS, ["a1.weight", "a1.bias", "a2.weight", "a2.bias"]]),
)
def test_stacked_points_are_counted(points: int, names: list[str]) -> None:
    stacked = [
        summary.model_copy(update={"shape": [points, *summary.shape]})
        for summary in renamed(names)
    ]
    files = FILES | {WEIGHTS: weights_file(*stacked)}

    resolution = resolve(request({**NETWORK, "stacked": True}), files, LIMITS)

    assert resolution.resolved is not None
    assert resolution.resolved.starts.model_dump()["count"] == points
    assert resolution.estimate is not None
    assert resolution.estimate.starts == points


def test_a_linear_autoencoder_has_two_matrices() -> None:
    uploaded = [tensor("w2", 6, 2), tensor("w1", 2, 6)]
    files = FILES | {WEIGHTS: weights_file(*uploaded)}

    resolution = resolve(
        request({**AUTOENCODER, "weights_file_id": WEIGHTS}), files, LIMITS
    )

    assert resolution.resolved is not None
    assert resolution.resolved.problem.model_dump()["parameter_map"] == {
        "encoder.weight": "w1",
        "decoder.weight": "w2",
    }


def test_what_is_wrong_is_listed_by_name() -> None:
    tensors = [tensor("layers.0.weight", 4, 3), *MLP_TENSORS[1:3], tensor("extra", 7)]
    files = FILES | {WEIGHTS: weights_file(*tensors)}

    findings = resolve(request(), files, LIMITS).findings

    assert [error.detail for error in findings] == [
        "Missing: layers.1.bias [2].",
        "Left over: extra [7].",
        "Misshapen: layers.0.weight is [4, 3], not [3, 4].",
    ]


def test_a_long_list_is_cut() -> None:
    files = FILES | {
        WEIGHTS: weights_file(*(tensor(f"t{n}", 1) for n in range(20_000)))
    }

    findings = resolve(request(), files, LIMITS).findings

    assert len(findings) == 4 + 21
    assert findings[-1].detail == "And 19980 more like the last."
