"""More work than is allowed, and Hessians that are too large."""

import pytest

from service.resolution.resolution import resolve
from tests.support.requests.refusals import Cases, assert_refused, with_data
from tests.support.requests.requests import (
    AUTOENCODER,
    FILES,
    LIMITS,
    MLP,
    NETWORK,
    RANDOM,
    labels,
    request,
    tensor,
)

CASES: Cases = {
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


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_at_its_field(name: str) -> None:
    assert_refused(CASES[name])


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
