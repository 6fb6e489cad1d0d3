import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.results import Target

RESULT = {"name", "title", "tables", "targets", "notes", "series"}
TARGET = {"name", "wanted", "measured", "at_most", "met"}

NETWORKS = """
class FullyConnected:
    def __init__(self, data, layer_sizes, *, nonlinearity_str, has_biases):
        assert (nonlinearity_str, has_biases) == ("none", False)
        self.loss = lambda theta: (theta**2).sum() / 2
"""
NEWTONS = """
class FastNewtonMR:
    def __init__(self, f, **settings):
        self.grad_f = lambda theta: theta
        self.hvp = lambda theta, v: v

    def run(self, theta, num_iters):
        self.grad_f(theta)
        return theta - (1 - 1e-4) * self.hvp(theta, theta)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [each.name for each in BENCHMARKS])
def test_every_benchmark_runs_and_writes_its_figures(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTOCRIT", raising=False)

    main(["--tiny", "--only", name, "--out", str(tmp_path)])

    report = json.loads((tmp_path / "benchmarks.json").read_text())
    assert report["scale"] == "tiny"
    assert {"torch", "processor", "threads", "device"} <= report["environment"].keys()
    (duration,) = report["durations"]
    assert duration["benchmark"] == name
    assert duration["wall_s"] > 0
    assert duration["cpu_s"] > 0
    (result,) = report["results"]
    assert result.keys() == RESULT
    assert result["name"] == name
    assert all(target.keys() == TARGET for target in result["targets"])
    assert any(table["rows"] for table in result["tables"])
    for table in result["tables"]:
        assert len({tuple(row) for row in table["rows"]}) <= 1
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_code_in_a_checkout_is_measured_beside_ours(tmp_path: Path) -> None:
    package = tmp_path / "autocrit"
    for path, text in (("nn/networks.py", NETWORKS), ("finders/newtons.py", NEWTONS)):
        (package / path).parent.mkdir(parents=True)
        (package / path).write_text(text)

    folders = ["--autocrit", str(tmp_path), "--out", str(tmp_path)]
    main(["--tiny", "--only", "finders", *folders])

    (result,) = json.loads((tmp_path / "benchmarks.json").read_text())["results"]
    row = result["tables"][0]["rows"][0]
    # The origin is a critical point, and the stand-in goes there in two steps.
    assert row["method"] == "autocrit newton_mr"
    assert row["successes"] == row["analytic"] == row["starts"] == 1
    assert row["iterations_max"] == row["gradients"] == row["products"] == 2


@pytest.mark.parametrize(
    ("measured", "at_most", "met"),
    [(2.0, False, True), (0.5, False, False), (0.5, True, True), (None, True, None)],
)
def test_a_target_is_met_missed_or_not_measured(
    *, measured: float | None, at_most: bool, met: bool | None
) -> None:
    target = Target(name="ratio", wanted=1.0, measured=measured, at_most=at_most)
    assert target.met is met
