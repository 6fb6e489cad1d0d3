"""The jobs that come with gradflat run; the paper's are of the sizes that it gives."""

import json
from pathlib import Path

import pytest

from service import presets
from tests.support.shards.pipelines import run_job

SAMPLES = {
    "autoencoder": 5000,
    "classifier": 5000,
    "linear_autoencoder": 10_000,
    "memorising_net": 50,
    "quartic": None,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_it_runs(name: str, tmp_path: Path) -> None:
    body = json.loads(presets.read(name))
    del body["labels"]
    body["starts"]["count"] = 2
    if body["starts"]["kind"] == "trajectory":
        body["starts"]["steps"] = 5
    body["finder"]["max_iterations"] = 1

    report = run_job(body, tmp_path, counts=(1, 1))

    assert report.problem.samples == SAMPLES[name]
    assert report.problem.smooth
    assert report.problem.warnings == []
    assert [point.iterations for point in report.points] == [1, 1]
    assert report.counts.failed == 0
    assert report.search is not None
    assert report.search.finder == "newton_mr"


@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_spectra_are_found(name: str, tmp_path: Path) -> None:
    body = json.loads(presets.read(name))
    del body["labels"]
    body["starts"] |= {"count": 1, "steps": 5}

    report = run_job(body, tmp_path, counts=(1,))

    assert report.problem.samples == 200
    assert report.problem.smooth
    spectrum = report.points[0].spectrum
    assert spectrum is not None
    assert len(spectrum.largest) == 5
    assert spectrum.largest[0] > 0.0 > spectrum.smallest[0]
    assert spectrum.density is not None
