"""Spectra resumed to the last bit, and checkpoints that cost little."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker.errors import Drained
from worker.pipeline import ShardTask, checkpoints, run_shard
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.searching import unsearched
from worker.reports.tensor_files import write_tensors

BODY: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [64, 6, 10], "activation": "tanh"},
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "flatten"}, {"kind": "subset", "count": 40}],
        },
        "loss": {"kind": "cross_entropy"},
    },
    "starts": {"kind": "random", "count": 3},
    "finder": {"kind": "none"},
    "spectrum": {"kind": "lanczos", "top": 2, "density": {"steps": 9, "probes": 3}},
}
SPECIFICATION = Specification.model_validate(BODY)


def task(folder: Path, *, budget: int = 2**30) -> ShardTask:
    """The shard of all three points, with the checkpoints as often as they may be."""
    wanted = shard_task(
        SPECIFICATION,
        folder,
        first=0,
        count=3,
        dense_limit=100,
        checkpoint_seconds=0.0,
        memory_budget_bytes=budget,
    )
    return replace(wanted, memory_limit_bytes=2**30)


def points(folder: Path) -> str:
    return (folder / "points.json").read_text()


def test_spectra_broken_off_again_and_again_end_in_the_same_numbers(
    tmp_path: Path,
) -> None:
    run_shard(task(tmp_path / "whole"), RecordingObserver())
    broken = task(tmp_path / "broken")

    attempts = 0
    while not (broken.folder / "points.json").exists():
        attempts += 1
        observer = RecordingObserver()
        observer.drain = lambda observer=observer: observer.products > 20
        try:
            run_shard(broken, observer)
        except Drained:
            assert observer.checkpoints >= 1

    assert attempts > 3
    assert points(broken.folder) == points(tmp_path / "whole")


class Killed(BaseException):
    """As if the process were gone: nothing is written any more."""


def test_a_killed_attempt_is_gone_on_from_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "REST", 0.0)
    run_shard(task(tmp_path / "whole"), RecordingObserver())
    broken = task(tmp_path / "broken")
    first = RecordingObserver()

    def kill() -> bool:
        if first.checkpoints >= 2 and first.products > 30:
            raise Killed
        return False

    first.stop = kill
    with pytest.raises(Killed):
        run_shard(broken, first)
    second = RecordingObserver()
    run_shard(broken, second)

    assert second.phases == ["preparing", "decomposing", "reporting"]
    made = [done for _, done, _, unit in second.progressed if unit == "products"]
    assert made[0] > 3
    assert points(broken.folder) == points(tmp_path / "whole")


def test_spectra_that_are_done_are_not_computed_again(tmp_path: Path) -> None:
    # A budget that holds one point at a time.
    whole = RecordingObserver()
    run_shard(task(tmp_path / "whole", budget=2**18), whole)
    broken = task(tmp_path / "broken", budget=2**18)
    first = RecordingObserver()
    first.drain = lambda: first.products > whole.products // 2
    with pytest.raises(Drained):
        run_shard(broken, first)

    saved = Checkpoint(broken).read(torch.device("cpu"))

    assert saved is not None
    assert saved.spectra is not None
    assert saved.spectra.left == [1, 2]
    assert saved.spectra.points[0].spectrum is not None
    second = RecordingObserver()
    run_shard(broken, second)
    assert first.products + second.products == whole.products
    assert points(broken.folder) == points(tmp_path / "whole")


class Clock:
    """Goes on when told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_checkpoints_take_a_twentieth_of_the_time_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def slow(path: Path, tensors: Mapping[str, Tensor], **more: Any) -> None:  # noqa: ANN401
        clock.now += 2.0
        write_tensors(path, tensors, **more)

    monkeypatch.setattr(checkpoints, "time", clock)
    monkeypatch.setattr(checkpoints, "write_tensors", slow)
    checkpoint = Checkpoint(task(tmp_path))
    assert checkpoint.due

    checkpoint.write(unsearched(torch.zeros(1, 3)))

    clock.now += 39.0
    assert not checkpoint.due
    clock.now += 1.0
    assert checkpoint.due
