"""Every number of a report, recomputed from its artifacts by independent code."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from service.schemas.reports import Point, Report
from tests.support.numerics.recomputation import (
    Parameters,
    Recomputed,
    recompute,
    relative_residual,
)
from tests.support.shards.pipelines import run_job

DIGITS = {"kind": "builtin", "name": "digits"}
QUARTIC = [
    (0.25, 4, 0),
    (-3.0, 2, 0),
    (9.0, 1, 0),
    (0.9, 0, 4),
    (5.0, 0, 2),
    (40.0, 0, 0),
]
QUARTIC_PROBLEM = {
    "kind": "polynomial",
    "variables": 2,
    "terms": [{"coefficient": c, "powers": [i, j]} for c, i, j in QUARTIC],
}


@dataclass(frozen=True)
class Case:
    body: dict[str, Any]
    counts: tuple[int, ...]
    loss: Callable[[Parameters, Tensor, Tensor], Tensor]


def dense(p: Parameters, name: str, x: Tensor) -> Tensor:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def penalty(p: Parameters) -> Tensor:
    return sum((each**2).sum() for each in p.values()) + torch.zeros(())


def autoencoder(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
    hidden = dense(p, "layers.0", x)
    outputs = dense(p, "layers.1", hidden * torch.sigmoid(hidden))
    return ((outputs - y) ** 2).mean()


def classifier(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
    outputs = dense(p, "layers.1", torch.tanh(dense(p, "layers.0", x)))
    chosen = torch.log_softmax(outputs, 1)[torch.arange(len(y)), y]
    return -chosen.mean() + 0.01 * penalty(p)


def convolution(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
    hidden = torch.tanh(functional.conv2d(x, p["0.weight"], p["0.bias"], padding=1))
    pooled = hidden.unflatten(-1, (2, 2)).unflatten(-3, (2, 2)).mean((-3, -1))
    outputs = dense(p, "4", pooled.flatten(1))
    chosen = torch.log_softmax(outputs, 1)[torch.arange(len(y)), y]
    return -chosen.mean()


def linear_autoencoder(p: Parameters, x: Tensor, y: Tensor) -> Tensor:
    outputs = x @ p["encoder.weight"].T @ p["decoder.weight"].T
    return ((outputs - y) ** 2).mean()


def quartic(p: Parameters, x: Tensor, y: Tensor) -> Tensor:  # noqa: ARG001
    u, v = p["x"]
    return sum(c * u**i * v**j for c, i, j in QUARTIC) + torch.zeros(())


CASES = {
    "autoencoder": Case(
        body={
            "problem": {
                "kind": "network",
                "architecture": {
                    "kind": "mlp",
                    "sizes": [4, 2, 4],
                    "activation": "swish",
                },
                "dataset": {
                    **DIGITS,
                    "target": "images",
                    "transforms": [
                        {"kind": "crop", "size": 4},
                        {"kind": "resize", "size": 2},
                        {"kind": "standardize"},
                        {"kind": "flatten"},
                        {"kind": "subset", "count": 200},
                    ],
                },
                "loss": {"kind": "mse"},
            },
            "starts": {"kind": "random", "count": 3},
            "finder": {"kind": "newton_mr", "max_iterations": 40},
            "spectrum": {"kind": "lanczos", "top": 3, "density": {"steps": 10}},
            "keep_dataset": True,
        },
        counts=(2, 1),
        loss=autoencoder,
    ),
    "classifier": Case(
        body={
            "problem": {
                "kind": "network",
                "architecture": {
                    "kind": "mlp",
                    "sizes": [4, 3, 3],
                    "activation": "tanh",
                },
                "dataset": {
                    **DIGITS,
                    "transforms": [
                        {"kind": "subset", "classes": [0, 1, 2], "count": 100},
                        {"kind": "resize", "size": 2},
                        {"kind": "standardize"},
                        {"kind": "flatten"},
                    ],
                },
                "loss": {"kind": "cross_entropy", "l2": 0.01},
            },
            "starts": {"kind": "trajectory", "count": 3, "steps": 50},
            "finder": {"kind": "newton_mr", "max_iterations": 40},
            "spectrum": {"kind": "lanczos", "top": 3},
            "keep_dataset": True,
        },
        counts=(3,),
        loss=classifier,
    ),
    "convolution": Case(
        body={
            "problem": {
                "kind": "network",
                "architecture": {
                    "kind": "sequential",
                    "layers": [
                        {
                            "kind": "conv2d",
                            "in_channels": 1,
                            "out_channels": 2,
                            "kernel_size": 3,
                            "padding": 1,
                        },
                        {"kind": "tanh"},
                        {"kind": "avg_pool2d", "kernel_size": 2},
                        {"kind": "flatten"},
                        {"kind": "linear", "in_features": 8, "out_features": 3},
                    ],
                },
                "dataset": {
                    **DIGITS,
                    "transforms": [
                        {"kind": "subset", "classes": [0, 1, 2], "count": 60},
                        {"kind": "resize", "size": 4},
                        {"kind": "standardize"},
                    ],
                },
                "loss": {"kind": "cross_entropy"},
            },
            "starts": {"kind": "random", "count": 2},
            "finder": {"kind": "none"},
            "spectrum": {"kind": "lanczos", "top": 2},
            "keep_dataset": True,
        },
        counts=(2,),
        loss=convolution,
    ),
    "linear_autoencoder": Case(
        body={
            "problem": {
                "kind": "linear_autoencoder",
                "input_size": 6,
                "hidden_size": 2,
                "samples": 500,
            },
            "starts": {"kind": "trajectory", "count": 4, "steps": 200},
            "finder": {"kind": "newton_mr", "max_iterations": 70},
            "spectrum": {"kind": "lanczos", "top": 5},
            "keep_dataset": True,
        },
        counts=(3, 1),
        loss=linear_autoencoder,
    ),
    "quartic": Case(
        body={
            "problem": QUARTIC_PROBLEM,
            "starts": {
                "kind": "explicit",
                "points": [[1.4, 0.1], [1.45, -0.2], [-2.0, 0.3], [-4.0, 1.0]],
            },
            "spectrum": {"kind": "lanczos", "top": 10},
        },
        counts=(4,),
        loss=quartic,
    ),
}


@dataclass(frozen=True)
class Outcome:
    report: Report
    recomputed: list[Recomputed]
    folder: Path


def compute(name: str, folder: Path) -> Outcome:
    case = CASES[name]
    report = run_job(case.body, folder, counts=case.counts)
    empty = torch.zeros(0)
    data = {"x": empty, "y": empty}
    if (folder / "dataset.safetensors").exists():
        data = load_file(folder / "dataset.safetensors")
    recomputed = recompute(
        folder / "points.safetensors",
        lambda parameters: case.loss(parameters, data["x"], data["y"]),
    )
    return Outcome(report=report, recomputed=recomputed, folder=folder)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """Each case is computed once, when it is first asked for."""
    return cache(lambda name: compute(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(params=CASES)
def outcome(
    request: pytest.FixtureRequest, outcomes: Callable[[str], Outcome]
) -> Outcome:
    return outcomes(request.param)


def pairs(outcome: Outcome) -> list[tuple[Point, Recomputed]]:
    return list(zip(outcome.report.points, outcome.recomputed, strict=True))


def test_losses_and_gradients(outcome: Outcome) -> None:
    for point, truth in pairs(outcome):
        assert point.loss == pytest.approx(truth.loss, rel=1e-9)
        assert point.squared_gradient_norm == pytest.approx(
            truth.squared_gradient_norm, rel=1e-6, abs=1e-26
        )


def test_spectra(outcome: Outcome) -> None:
    for point, truth in pairs(outcome):
        values = truth.eigenvalues
        assert point.spectrum is not None
        largest, smallest = point.spectrum.largest, point.spectrum.smallest
        scale = np.abs(values).max()
        assert np.abs(values[::-1][: len(largest)] - largest).max() <= 1e-8 * scale
        assert np.abs(values[: len(smallest)] - smallest).max() <= 1e-8 * scale
        assert point.spectrum.converged
        assert point.frobenius_norm == pytest.approx(np.linalg.norm(truth.hessian))
        assert point.spectrum.trace == pytest.approx(np.trace(truth.hessian))


def test_indices(outcome: Outcome) -> None:
    for point, truth in pairs(outcome):
        values = truth.eigenvalues
        assert point.index is not None
        assert point.index.negative == (values < -1e-5).sum()
        assert point.index.positive == (values > 1e-5).sum()
        assert point.index.zero == (np.abs(values) <= 1e-5).sum()
        assert point.index.method == "exact"


def test_residuals(outcome: Outcome) -> None:
    for point, truth in pairs(outcome):
        if truth.squared_gradient_norm > 1e-20:
            # Where the solve stops hangs by a hair at times: then either is right.
            expected = [
                relative_residual(truth.hessian, truth.gradient, rtol=rtol)
                for rtol in (4e-4, 5e-4, 6e-4)
            ]
            assert point.relative_residual is not None
            assert min(expected) - 1e-2 <= point.relative_residual
            assert point.relative_residual <= max(expected) + 1e-2


def test_labels_follow_from_the_measures(outcome: Outcome) -> None:
    for point in outcome.report.points:
        assert point.squared_gradient_norm is not None
        if point.squared_gradient_norm < 1e-10:
            assert point.label == "critical"
            assert point.kind is not None
        else:
            assert point.relative_residual is not None
            flat = point.relative_residual > 0.9
            assert point.label == ("gradient_flat" if flat else "unconverged")
            assert point.kind is None


def test_artifacts_are_described_truly(outcome: Outcome) -> None:
    names = {artifact.name for artifact in outcome.report.artifacts}
    assert {"points.safetensors", "traces.safetensors"} <= names
    for artifact in outcome.report.artifacts:
        assert (outcome.folder / artifact.name).stat().st_size == artifact.bytes


def test_histories_end_at_the_points(outcome: Outcome) -> None:
    traces = load_file(outcome.folder / "traces.safetensors")
    points = outcome.report.points
    columns = max(point.iterations for point in points) + 1
    assert all(trace.shape == (len(points), columns) for trace in traces.values())
    for row, point in enumerate(points):
        assert traces["loss"][row, point.iterations] == pytest.approx(
            point.loss, rel=1e-12
        )
        assert traces["loss"][row, point.iterations + 1 :].isnan().all()


def test_quartic_points_are_told_apart(outcomes: Callable[[str], Outcome]) -> None:
    points = outcomes("quartic").report.points
    labels = [point.label for point in points]
    assert labels == ["gradient_flat", "gradient_flat", "critical", "critical"]
    assert [point.kind for point in points[2:]] == ["minimum", "minimum"]
    assert points[0].squared_gradient_norm == pytest.approx(11.1766, abs=1e-3)


def test_linear_autoencoder_points_match_analytic_ones(
    outcomes: Callable[[str], Outcome],
) -> None:
    points = outcomes("linear_autoencoder").report.points
    critical = [point for point in points if point.label == "critical"]
    assert critical
    for point in critical:
        assert point.analytic_match is not None
        assert point.analytic_match.matched
