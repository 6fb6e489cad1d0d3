"""A short campaign; ``make chaos`` runs a long one."""

from pathlib import Path

import pytest

from tests.chaos.campaign import Plan, run


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.xdist_group("site")
def test_all_jobs_end_once_with_the_undisturbed_report(tmp_path: Path) -> None:
    verdict = run(Plan(jobs=9, seconds=15, seed=5), tmp_path / "data")
    assert verdict.failures == []
    assert verdict.figures["jobs"] == 9
