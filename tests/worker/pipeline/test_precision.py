"""Both precisions: searches end, measures are right, and the report says how far."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.func import hessian

from service.schemas.reports import Point, Report
from tests.support.shards.pipelines import run_job

ROUNDING = {"float64": 1e-12, "float32": 2e-4}

QUARTIC: dict[str, Any] = {
    "kind": "polynomial",
    "variables": 2,
    "terms": [
        {"coefficient": 0.25, "powers": [4, 0]},
        {"coefficient": -3.0, "powers": [2, 0]},
        {"coefficient": 9.0, "powers": [1, 0]},
        {"coefficient": 0.9, "powers": [0, 4]},
        {"coefficient": 5.0, "powers": [0, 2]},
        {"coefficient": 40.0, "powers": [0, 0]},
    ],
}
LINEAR: dict[str, Any] = {
    "kind": "linear_autoencoder",
    "input_size": 5,
    "hidden_size": 2,
    "samples": 100,
}
FINDERS = ["newton_mr", "damped_newton", "levenberg_marquardt", "gradient_norm"]
DENSE_LIMITS = pytest.mark.parametrize(
    "dense_limit", [0, 2000], ids=["by products", "formed"]
)
BOTH = pytest.mark.parametrize("precision", ["float64", "float32"])


def value(x: torch.Tensor) -> torch.Tensor:
    return (
        x[0] ** 4 / 4 - 3 * x[0] ** 2 + 9 * x[0] + 0.9 * x[1] ** 4 + 5 * x[1] ** 2 + 40
    )


def report(
    folder: Path,
    problem: dict[str, Any],
    starts: dict[str, Any],
    *,
    dense_limit: int = 2000,
    **more: Any,  # noqa: ANN401
) -> Report:
    count = starts.get("count") or len(starts["points"])
    return run_job(
        {"problem": problem, "starts": starts, **more},
        folder,
        counts=(count,),
        dense_limit=dense_limit,
    )


@BOTH
@pytest.mark.parametrize("finder", FINDERS)
def test_every_finder_finds_the_minimum(
    tmp_path: Path, finder: str, precision: str
) -> None:
    starts = {"kind": "explicit", "points": [[-2.6, 0.4], [-4.0, -0.5]]}
    found = report(
        tmp_path,
        QUARTIC,
        starts,
        finder={"kind": finder, "max_iterations": 500},
        precision=precision,
    )

    exact = float(value(torch.tensor([-3.0, 0.0], dtype=torch.float64)))
    for point in found.points:
        assert point.loss == pytest.approx(exact, rel=ROUNDING[precision])
        assert point.squared_gradient_norm is not None
        assert point.squared_gradient_norm <= max(
            1e-10, 1000 * found.problem.gradient_norm_floor
        )
        assert point.stop_reason != "max_iterations"
        assert point.iterations < 200


@BOTH
@DENSE_LIMITS
def test_measures_are_those_of_autograd(
    tmp_path: Path, precision: str, dense_limit: int
) -> None:
    x = torch.tensor([0.5, -0.75], dtype=torch.float64)
    found = report(
        tmp_path,
        QUARTIC,
        {"kind": "explicit", "points": [x.tolist()]},
        finder={"kind": "none"},
        precision=precision,
        dense_limit=dense_limit,
    )

    point = found.points[0]
    H = torch.as_tensor(hessian(value)(x))
    g = torch.func.grad(value)(x)
    rounding = ROUNDING[precision]
    assert point.loss == pytest.approx(float(value(x)), rel=rounding)
    assert point.squared_gradient_norm == pytest.approx(float(g @ g), rel=rounding)
    assert point.gradient_rayleigh_quotient == pytest.approx(
        float(g @ H @ g / (g @ g)), rel=rounding
    )
    sampling = 0.0 if dense_limit else 0.3
    assert point.frobenius_norm == pytest.approx(
        float(H.norm()), rel=rounding + sampling
    )
    assert point.index is not None
    assert point.index.negative == int((torch.linalg.eigvalsh(H) < 0).sum())


@BOTH
@DENSE_LIMITS
def test_eigenvalues_are_those_of_autograd(
    tmp_path: Path, precision: str, dense_limit: int
) -> None:
    x = torch.tensor([0.5, -0.75], dtype=torch.float64)
    found = report(
        tmp_path,
        QUARTIC,
        {"kind": "explicit", "points": [x.tolist()]},
        finder={"kind": "none"},
        spectrum={"kind": "lanczos", "top": 2},
        precision=precision,
        dense_limit=dense_limit,
    )

    point = found.points[0]
    H = torch.as_tensor(hessian(value)(x))
    rounding = ROUNDING[precision]
    assert point.spectrum is not None
    assert point.spectrum.smallest == pytest.approx(
        torch.linalg.eigvalsh(H).tolist(), rel=rounding
    )


@BOTH
def test_the_floor_is_stated_and_is_met(tmp_path: Path, precision: str) -> None:
    found = report(
        tmp_path,
        LINEAR,
        {"kind": "random", "count": 4},
        finder={"kind": "levenberg_marquardt"},
        precision=precision,
    )

    epsilon = {"float64": 2.0**-52, "float32": 2.0**-23}[precision]
    floor = found.problem.gradient_norm_floor
    assert epsilon**2 < floor < 1e4 * epsilon**2
    for point in found.points:
        assert point.label == "critical"
        assert matches(point, 1e-6 if precision == "float64" else 1e-4)


@BOTH
def test_a_cutoff_that_rounding_hides_is_warned_of_and_not_waited_for(
    tmp_path: Path, precision: str
) -> None:
    cutoff = {"float64": 1e-32, "float32": 1e-14}[precision]
    found = report(
        tmp_path,
        LINEAR,
        {"kind": "random", "count": 4},
        finder={"kind": "levenberg_marquardt", "max_iterations": 500},
        classification={"squared_gradient_norm_cutoff": cutoff},
        precision=precision,
    )

    assert found.problem.gradient_norm_floor > cutoff
    assert any(precision in warning for warning in found.problem.warnings)
    for point in found.points:
        assert point.iterations < 150
        assert point.squared_gradient_norm is not None
        critical = point.squared_gradient_norm < cutoff
        assert (point.label == "critical") == critical


def matches(point: Point, tolerance: float) -> bool:
    match = point.analytic_match
    return (
        match is not None
        and point.index is not None
        and match.relative_loss_error <= tolerance
        and match.negative_eigenvalues == point.index.negative
    )
