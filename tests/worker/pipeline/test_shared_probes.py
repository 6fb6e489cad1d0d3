"""The probes of a density, which serve the classification of the same points too."""

from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from service.schemas.reports import Point
from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker.classification.measures import PROBES, STEPS
from worker.errors import Drained
from worker.pipeline import ShardTask, run_shard

ENOUGH = {"probes": PROBES, "steps": STEPS}


def task(folder: Path, spectrum: dict[str, Any]) -> ShardTask:
    """Two points, found in two iterations, of a loss whose Hessian is not formed."""
    body = {
        "problem": {
            "kind": "linear_autoencoder",
            "input_size": 10,
            "hidden_size": 6,
            "samples": 50,
        },
        "starts": {"kind": "random", "count": 2},
        "finder": {"kind": "gradient_norm", "max_iterations": 2},
        "spectrum": {"kind": "lanczos", "top": 3, **spectrum},
    }
    return shard_task(
        Specification.model_validate(body), folder, first=0, count=2, dense_limit=100
    )


class CountingObserver(RecordingObserver):
    """Is asked before every evaluation and product of a classification."""

    asked = 0

    @override
    def stop_requested(self) -> bool:
        self.asked += self.phases[-1] == "classifying"
        return super().stop_requested()


def computed(folder: Path, spectrum: dict[str, Any]) -> tuple[list[Point], int]:
    """The points, and how often their classification asked whether to go on."""
    observer = CountingObserver()
    points = run_shard(task(folder, spectrum), observer)
    assert observer.phases == [
        "preparing",
        "searching",
        "decomposing",
        "classifying",
        "reporting",
    ]
    return points, observer.asked


@pytest.mark.parametrize(
    "spectrum",
    [{"density": ENOUGH}, {"density": ENOUGH, "extremes": False}],
    ids=["with extremes", "alone"],
)
def test_products_of_a_density_are_not_made_again(
    spectrum: dict[str, Any], tmp_path: Path
) -> None:
    shared, few = computed(tmp_path / "1", spectrum)
    own, many = computed(tmp_path / "2", {"density": {**ENOUGH, "probes": PROBES - 1}})

    assert many - few == PROBES * STEPS
    for point, other in zip(shared, own, strict=True):
        assert point.spectrum is not None
        assert point.index == point.spectrum.index
        assert point.frobenius_norm == point.spectrum.frobenius_norm
        assert other.spectrum is not None
        assert other.index != other.spectrum.index
        assert point.relative_residual == pytest.approx(
            other.relative_residual, rel=0.1
        )
        assert point.label == other.label


@pytest.mark.parametrize(
    "spectrum",
    [
        {"density": ENOUGH, "matrix": "gauss_newton"},
        {"density": ENOUGH, "parameters": "encoder.*"},
        {"density": {**ENOUGH, "steps": STEPS - 1}},
    ],
    ids=["another matrix", "a block", "fewer steps"],
)
def test_a_density_of_something_else_serves_nothing(
    spectrum: dict[str, Any], tmp_path: Path
) -> None:
    found, asked = computed(tmp_path / "with", spectrum)
    alone, usual = computed(tmp_path / "without", {})

    assert asked == usual
    assert [point.index for point in found] == [point.index for point in alone]


def test_a_drained_classification_takes_the_quadrature_up_again(
    tmp_path: Path,
) -> None:
    run_shard(task(tmp_path / "whole", {"density": ENOUGH}), RecordingObserver())
    broken = task(tmp_path / "broken", {"density": ENOUGH})
    observer = RecordingObserver()
    observer.drain = lambda: "classifying" in observer.phases
    with pytest.raises(Drained):
        run_shard(broken, observer)

    resumed = RecordingObserver()
    run_shard(broken, resumed)

    assert resumed.products == 0
    whole = (tmp_path / "whole" / "points.json").read_text()
    assert (broken.folder / "points.json").read_text() == whole


def test_a_cancelled_spectrum_leaves_the_point_to_be_classified(
    tmp_path: Path,
) -> None:
    observer = RecordingObserver()
    observer.stop = lambda: observer.products > 5

    points = run_shard(task(tmp_path, {"density": ENOUGH}), observer)

    for point in points:
        assert point.spectrum is None
        assert point.relative_residual is not None
        assert point.index is not None
        assert any("before this spectrum" in note for note in point.notes)
