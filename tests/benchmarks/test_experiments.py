from pathlib import Path

import pytest

from benchmarks.experiments.figures import draw
from benchmarks.experiments.page import BEGIN, END, rewrite
from benchmarks.experiments.plan import EXPERIMENTS
from service.schemas.jobs import JobRequest
from service.schemas.reports import Report
from tests.support.shards.pipelines import run_job


def test_every_experiment_is_a_job_of_its_own() -> None:
    bodies = [JobRequest.model_validate(each.body()) for each in EXPERIMENTS]

    assert {(body.finder.kind, body.seed) for body in bodies} == {
        (each.finder, 0) for each in EXPERIMENTS
    }
    assert len({each.name for each in EXPERIMENTS}) == len(EXPERIMENTS)


@pytest.fixture
def reports(tmp_path: Path) -> dict[str, dict[str, Report]]:
    body = {
        "problem": {
            "kind": "linear_autoencoder",
            "input_size": 4,
            "hidden_size": 1,
            "samples": 50,
        },
        "starts": {"kind": "random", "count": 3},
    }
    found = {
        kind: run_job(
            {**body, "finder": {"kind": kind}}, tmp_path / "reports" / kind, counts=(3,)
        )
        for kind in ("newton_mr", "levenberg_marquardt")
    }
    return {"linear_autoencoder": found}


def test_the_page_and_its_figures_are_renewed(
    reports: dict[str, dict[str, Report]], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n")

    for _ in range(2):
        rewrite(page, reports)
    paths = draw(reports, tmp_path / "figures")

    before, begin, header, _, *rows, end, after = page.read_text().splitlines()
    assert (before, begin, end, after) == ("Before.", BEGIN, END, "After.")
    assert header.startswith("| experiment | method |")
    assert [row.split(" | ")[1] for row in rows] == ["newton_mr", "levenberg_marquardt"]
    assert {row.count("|") for row in rows} == {header.count("|")}
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
