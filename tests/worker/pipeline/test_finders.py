"""Every finder through the whole pipeline, with Hessians formed and without."""

from pathlib import Path
from typing import Any

import pytest

from service.schemas.reports import SearchSummary
from tests.support.shards.pipelines import run_job
from worker.errors import RunError

BODY: dict[str, Any] = {
    "problem": {
        "kind": "linear_autoencoder",
        "input_size": 5,
        "hidden_size": 2,
        "samples": 100,
    },
    "starts": {"kind": "trajectory", "count": 4, "steps": 300, "learning_rate": 0.05},
    "spectrum": {"kind": "lanczos", "top": 2},
}
FINDERS: dict[str, dict[str, Any]] = {
    "newton_mr exact": {"kind": "newton_mr", "hessian": "exact"},
    "newton_mr krylov": {"kind": "newton_mr", "hessian": "krylov"},
    "damped_newton exact": {"kind": "damped_newton", "hessian": "exact"},
    "damped_newton krylov": {"kind": "damped_newton", "hessian": "krylov"},
    "gradient_norm krylov": {"kind": "gradient_norm", "max_iterations": 50},
    "levenberg_marquardt exact": {"kind": "levenberg_marquardt", "hessian": "exact"},
    "levenberg_marquardt krylov": {"kind": "levenberg_marquardt", "hessian": "krylov"},
}


@pytest.mark.parametrize("name", FINDERS)
def test_what_is_found_is_known(name: str, tmp_path: Path) -> None:
    body = {**BODY, "finder": FINDERS[name]}

    report = run_job(body, tmp_path, counts=(3, 1))

    kind, hessian = name.split()
    assert report.search == SearchSummary(finder=kind, hessian=hessian, notes=[])
    # Descent takes thousands of steps.
    assert report.counts.critical >= (0 if kind == "gradient_norm" else 2)
    for point in report.points:
        if point.label == "critical":
            assert point.stop_reason == "converged"
            assert point.analytic_match is not None
            assert point.analytic_match.matched


def test_without_a_search_there_is_none_to_tell_of(tmp_path: Path) -> None:
    report = run_job({**BODY, "finder": {"kind": "none"}}, tmp_path, counts=(4,))

    assert report.search is None


def test_a_hessian_that_is_too_large_ends_the_job(tmp_path: Path) -> None:
    body = {**BODY, "finder": {"kind": "levenberg_marquardt", "hessian": "exact"}}

    with pytest.raises(RunError) as refusal:
        run_job(body, tmp_path, counts=(4,), dense_limit=10)

    assert refusal.value.code == "hessian_too_large"
