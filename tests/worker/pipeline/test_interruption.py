"""Drains, resumptions and cancellations of a shard."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import assemble_job, shard_task
from worker.errors import Drained, RunError
from worker.pipeline import run_shard

BODY: dict[str, Any] = {
    "problem": {
        "kind": "linear_autoencoder",
        "input_size": 5,
        "hidden_size": 2,
        "samples": 100,
    },
    "starts": {"kind": "random", "count": 3},
    "finder": {"kind": "newton_mr", "max_iterations": 60},
    "spectrum": {"kind": "lanczos", "top": 2},
}
SPECIFICATION = Specification.model_validate(BODY)
FILES = ("points.safetensors", "traces.safetensors")


def after(iterations: int) -> tuple[RecordingObserver, Callable[[], bool]]:
    """An observer, and what becomes true once it heard of so many iterations."""
    observer = RecordingObserver()
    return observer, lambda: observer.iterations >= iterations


def same_results(one: Path, other: Path) -> bool:
    same = (one / "points.json").read_text() == (other / "points.json").read_text()
    for name in FILES:
        left, right = load_file(one / name), load_file(other / name)
        same &= left.keys() == right.keys()
        for key, tensor in left.items():
            same &= torch.equal(tensor.nan_to_num(-7), right[key].nan_to_num(-7))
    return same


@pytest.mark.parametrize("iterations", [1, 7])
def test_drained_shard_resumes_number_for_number(
    tmp_path: Path, iterations: int
) -> None:
    whole = shard_task(SPECIFICATION, tmp_path / "whole", first=0, count=3)
    run_shard(whole, RecordingObserver())

    broken = shard_task(SPECIFICATION, tmp_path / "broken", first=0, count=3)
    observer, observer.drain = after(iterations)
    with pytest.raises(Drained):
        run_shard(broken, observer)
    assert observer.checkpoints == 1
    assert not (broken.folder / "points.json").exists()
    resumed = RecordingObserver()
    run_shard(broken, resumed)
    assert resumed.iterations < 60
    assert same_results(whole.folder, broken.folder)


def test_shard_drained_while_classifying_does_not_search_again(tmp_path: Path) -> None:
    task = shard_task(SPECIFICATION, tmp_path, first=0, count=3)
    observer = RecordingObserver()
    observer.drain = lambda: "classifying" in observer.phases
    with pytest.raises(Drained):
        run_shard(task, observer)
    resumed = RecordingObserver()
    run_shard(task, resumed)
    assert resumed.iterations == 0
    assert len(resumed.points) == 3


def test_checkpoint_of_another_task_is_not_used(tmp_path: Path) -> None:
    observer, observer.drain = after(2)
    with pytest.raises(Drained):
        run_shard(shard_task(SPECIFICATION, tmp_path, first=0, count=3), observer)
    other = Specification.model_validate({**BODY, "seed": 1})
    fresh = shard_task(other, tmp_path / "fresh", first=0, count=3)
    run_shard(fresh, RecordingObserver())
    run_shard(shard_task(other, tmp_path, first=0, count=3), RecordingObserver())
    assert same_results(fresh.folder, tmp_path)


@pytest.mark.parametrize("damage", [b"", b"not safetensors at all", None])
def test_damaged_checkpoint_is_ignored(tmp_path: Path, damage: bytes | None) -> None:
    if damage is not None:
        (tmp_path / "checkpoint.safetensors").write_bytes(damage)
    task = shard_task(SPECIFICATION, tmp_path, first=0, count=3)
    assert len(run_shard(task, RecordingObserver())) == 3


def test_shards_join_to_the_same_points(tmp_path: Path) -> None:
    run_shard(
        shard_task(SPECIFICATION, tmp_path / "all", first=0, count=3),
        RecordingObserver(),
    )
    parts = []
    for first, count in ((1, 2), (0, 1)):
        task = shard_task(
            SPECIFICATION, tmp_path / str(first), first=first, count=count
        )
        run_shard(task, RecordingObserver())
        parts.append(task.folder)
    whole = assemble_job(SPECIFICATION, [tmp_path / "all"], tmp_path / "one")
    joined = assemble_job(SPECIFICATION, parts, tmp_path / "two")
    assert [point.start for point in joined.points] == [0, 1, 2]
    for left, right in zip(whole.points, joined.points, strict=True):
        assert left.label == right.label
        assert left.loss == pytest.approx(right.loss, rel=1e-6)


def test_cancelled_search_keeps_what_was_found(tmp_path: Path) -> None:
    task = shard_task(SPECIFICATION, tmp_path, first=0, count=3)
    observer, observer.stop = after(2)
    points = run_shard(task, observer)
    assert {point.stop_reason for point in points} == {"stop_requested"}
    assert all(point.relative_residual is not None for point in points)
    report = assemble_job(SPECIFICATION, [tmp_path], tmp_path)
    assert report.outcome == "no_critical_points_found"


def test_cancelled_training_has_no_starts(tmp_path: Path) -> None:
    body = {**BODY, "starts": {"kind": "trajectory", "count": 3, "steps": 1000}}
    task = shard_task(Specification.model_validate(body), tmp_path, first=0, count=3)
    observer = RecordingObserver()
    observer.stop = lambda: bool(observer.progressed)
    points = run_shard(task, observer)
    assert [point.label for point in points] == ["failed"] * 3
    assert "cancelled before" in points[0].notes[0]


def test_phases_come_in_order_and_progress_ends(tmp_path: Path) -> None:
    observer = RecordingObserver()
    run_shard(shard_task(SPECIFICATION, tmp_path, first=0, count=3), observer)
    assert observer.phases == ["preparing", "searching", "classifying", "reporting"]
    phase, done, total, unit = observer.progressed[-1]
    assert (phase, done, total, unit) == ("classifying", 3, 3, "points")
    assert [point.start for point in observer.points] == [0, 1, 2]


def test_start_that_is_not_finite_fails_by_name(tmp_path: Path) -> None:
    body = {
        "problem": {
            "kind": "polynomial",
            "variables": 1,
            "terms": [{"coefficient": 1.0, "powers": [32]}],
        },
        "starts": {"kind": "explicit", "points": [[1e12], [0.5], [0.0]]},
        "finder": {"kind": "newton_mr", "max_iterations": 20},
    }
    specification = Specification.model_validate(body)
    task = shard_task(specification, tmp_path, first=0, count=3)
    run_shard(task, RecordingObserver())
    report = assemble_job(specification, [tmp_path], tmp_path)
    failed, found, zero = report.points
    assert (failed.label, failed.stop_reason) == ("failed", "non_finite_start")
    assert failed.loss is None
    assert found.label == "critical"
    assert zero.kind == "flat"
    assert zero.relative_residual is None
    assert report.fractions.critical is not None
    assert report.fractions.critical.value == 1.0
    text = (tmp_path / "report.json").read_text()
    json.loads(text, parse_constant=pytest.fail)


def test_all_starts_may_fail(tmp_path: Path) -> None:
    body = {
        "problem": {
            "kind": "polynomial",
            "variables": 1,
            "terms": [{"coefficient": 1.0, "powers": [32]}],
        },
        "starts": {"kind": "explicit", "points": [[1e12]]},
    }
    specification = Specification.model_validate(body)
    task = shard_task(specification, tmp_path, first=0, count=1)
    run_shard(task, RecordingObserver())
    report = assemble_job(specification, [tmp_path], tmp_path)
    assert report.outcome == "all_starts_failed"
    assert report.fractions.critical is None


def test_wrong_weights_fail_by_name(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"no weights")
    body = {**BODY, "starts": {"kind": "weights"}}
    task = shard_task(
        Specification.model_validate(body),
        tmp_path,
        first=0,
        count=1,
        weights=tmp_path / "weights",
    )
    with pytest.raises(RunError) as failure:
        run_shard(task, RecordingObserver())
    assert failure.value.code == "weights_invalid"
