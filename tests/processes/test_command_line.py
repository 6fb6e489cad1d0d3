"""Commands against a running stack, as a user types them."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from service.schemas.reports import Report
from tests.support.requests.job_bodies import quartic, regression
from tests.support.requests.searches import ENDLESS, autoencoder
from tests.support.servers.stack import GRADFLAT, Stack

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("stack"),
]


def gradflat(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*GRADFLAT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def written(path: Path, body: object) -> Path:
    path.write_text(json.dumps(body))
    return path


def test_submit_uploads_watches_and_shows_the_points(
    stack: Stack, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    weights, data = tmp_path / "weights.safetensors", tmp_path / "data.safetensors"
    draw = {"generator": generator, "dtype": torch.float64}
    save_file(
        {
            "layers.0.weight": torch.randn(3, 2, **draw),
            "layers.0.bias": torch.randn(3, **draw),
            "layers.1.weight": torch.randn(1, 3, **draw),
            "layers.1.bias": torch.randn(1, **draw),
        },
        weights,
    )
    save_file({"x": torch.randn(20, 2, **draw), "y": torch.randn(20, 1, **draw)}, data)
    body = regression("", "", [2, 3, 1])
    del body["problem"]["weights_file_id"]
    body["problem"]["dataset"]["file_id"] = None
    job, report = written(tmp_path / "job.json", body), tmp_path / "report.json"
    done = gradflat(
        *("submit", job, "--weights", weights, "--dataset", data, "--watch"),
        *("--output", report, "--data-dir", stack.data_dir),
    )
    assert done.returncode == 0, done.stderr
    job_id, header, *_ = done.stdout.splitlines()
    assert header.split() == [
        *("start", "label", "kind", "loss", "|g|^2", "r", "index", "iterations")
    ]
    points = Report.model_validate_json(report.read_bytes()).points
    assert len(points) == 4

    table = gradflat("report", job_id, "--url", stack.url, "--api-key", stack.key)
    assert f"{job_id}\n{table.stdout}" == done.stdout
    as_json = gradflat("report", job_id, "--json", "--data-dir", stack.data_dir)
    assert Report.model_validate_json(as_json.stdout).points == points


def test_spectra_are_shown(stack: Stack, tmp_path: Path) -> None:
    body = quartic() | {"spectrum": {"kind": "lanczos", "top": 1}}
    job = written(tmp_path / "job.json", body)
    done = gradflat("submit", job, "--watch", "--data-dir", stack.data_dir)
    assert done.returncode == 0, done.stderr
    _, header, *rows, _ = done.stdout.splitlines()
    assert header.split()[-3:] == ["largest", "smallest", "products"]
    for row in rows:
        largest, smallest, products = row.split()[-3:]
        assert float(largest) >= float(smallest)
        assert products == "2"


def test_refusal_names_the_field(stack: Stack, tmp_path: Path) -> None:
    body = quartic()
    body["finder"]["max_iterations"] = 0
    job = written(tmp_path / "job.json", body)
    done = gradflat("submit", job, "--data-dir", stack.data_dir)
    assert done.returncode == 3
    assert "/finder/max_iterations" in done.stderr.replace("newton_mr/", "")
    assert done.stdout == ""


def test_failed_job_is_told_by_the_exit_status(stack: Stack, tmp_path: Path) -> None:
    body = autoencoder(iterations=ENDLESS, time_limit_seconds=1)
    job = written(tmp_path / "job.json", body)
    done = gradflat("submit", job, "--watch", "--data-dir", stack.data_dir)
    assert done.returncode == 1
    assert "time_limit_exceeded" in done.stdout


def test_wrong_key_is_told(stack: Stack) -> None:
    done = gradflat("report", "job_0", "--url", stack.url, "--api-key", "gfk_wrong")
    assert done.returncode == 3
    assert "unauthorized" in done.stderr


def test_no_server_is_told(tmp_path: Path) -> None:
    done = gradflat("report", "job_0", "--data-dir", tmp_path)
    assert done.returncode == 4
    assert "no gradflat is ready" in done.stderr
    done = gradflat(
        "report", "job_0", "--url", "http://127.0.0.1:9", "--api-key", "gfk_x"
    )
    assert done.returncode == 4
    assert "no answer from" in done.stderr


def test_job_that_is_not_json_is_told(tmp_path: Path) -> None:
    job = tmp_path / "job.json"
    job.write_text("{")
    done = gradflat("submit", job, "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "is not JSON" in done.stderr


def test_presets_are_submitted_by_name(stack: Stack, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = gradflat(
        *("submit", "--preset", "quartic", "--finder", "newton_mr", "--starts", 5),
        *("--seed", 3, "--output", report, "--data-dir", stack.data_dir),
    )
    assert done.returncode == 0, done.stderr
    found = Report.model_validate_json(report.read_bytes())
    assert len(found.points) == 5
    assert found.seed == 3
    assert found.search is not None
    assert found.search.finder == "newton_mr"


def test_unknown_finder_is_refused_by_name(stack: Stack) -> None:
    done = gradflat(
        *("submit", "--preset", "quartic", "--finder", "guess"),
        *("--data-dir", stack.data_dir),
    )
    assert done.returncode == 3
    assert "/finder" in done.stderr
    assert "newton_mr" in done.stderr
