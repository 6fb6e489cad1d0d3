"""Breaking off in the middle of an iteration, or of the classification."""

from pathlib import Path

import pytest
import torch

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker import build
from worker.errors import Drained
from worker.pipeline.classifying import classify, survey
from worker.pipeline.searching import run_search
from worker.pipeline.task import ShardTask
from worker.pipeline.watch import Interrupted, Watch
from worker.pipeline.work import Work
from worker.reports.runs import Run

SPECIFICATION = Specification.model_validate(
    {
        "problem": {
            "kind": "polynomial",
            "variables": 2,
            "terms": [
                {"coefficient": 1.0, "powers": [4, 0]},
                {"coefficient": 1.0, "powers": [0, 2]},
            ],
        },
        "starts": {"kind": "explicit", "points": [[1.0, 1.0], [0.0, 0.0]]},
    }
)


@pytest.fixture
def task(tmp_path: Path) -> ShardTask:
    return shard_task(SPECIFICATION, tmp_path, first=0, count=2)


@pytest.fixture
def built() -> build.Built:
    return build.problem(
        SPECIFICATION,
        weights=None,
        dataset=None,
        starts=range(2),
        device=torch.device("cpu"),
        memory_budget_bytes=2**20,
    )


def test_patience_is_limited() -> None:
    observer = RecordingObserver(stop=lambda: True)
    watch = Watch(observer, search_grace_s=0.0, classification_grace_s=3600.0)
    watch.poll_classification()
    with pytest.raises(Interrupted):
        watch.poll_search()
    draining = RecordingObserver(drain=lambda: True)
    with pytest.raises(Drained):
        Watch(draining, search_grace_s=0.0).poll_search()


def test_every_evaluation_and_product_may_be_broken_off(built: build.Built) -> None:
    theta = torch.ones(2, 2, dtype=torch.float64)
    for watched in (Watch.searching, Watch.classifying):
        observer = RecordingObserver()
        watch = Watch(observer, search_grace_s=0.0, classification_grace_s=0.0)
        objective = watched(watch, built.objective)
        hessian = objective.linearise(theta).hessian
        row = hessian.take(torch.tensor([1]))
        observer.stop = lambda: True
        for call in (
            lambda o=objective: o.value(theta),
            lambda o=objective: o.gradient(theta),
            lambda o=objective: o.linearise(theta),
            lambda h=hessian: h.matvec(theta),
            row.dense,
        ):
            with pytest.raises(Interrupted):
                call()


def test_interrupted_search_keeps_its_last_iterates(
    task: ShardTask, built: build.Built
) -> None:
    observer = RecordingObserver(phases=["searching"])
    observer.stop = lambda: observer.iterations >= 1
    finder = build.finder(SPECIFICATION.finder)
    assert finder is not None
    theta = build.starts(SPECIFICATION, built, task.starts)
    work = Work(
        task=task,
        built=built,
        memory_budget_bytes=2**20,
        observer=observer,
        watch=Watch(observer, search_grace_s=0.0),
    )
    state = run_search(work, finder, theta, resume=None)
    result = state.result(0.9)
    assert [reason.value for reason in result.stop] == ["stop_requested", "converged"]
    assert result.iterations.tolist() == [1, 0]
    assert not (task.folder / "checkpoint.safetensors").exists()


def test_points_out_of_time_are_labelled_by_their_gradient(
    task: ShardTask, built: build.Built
) -> None:
    observer = RecordingObserver(stop=lambda: True)
    theta = build.starts(SPECIFICATION, built, task.starts)
    work = Work(
        task=task,
        built=built,
        memory_budget_bytes=2**20,
        observer=observer,
        watch=Watch(observer, classification_grace_s=0.0),
    )
    surveyed = survey(work, theta, [Run.unsearched(start) for start in task.starts])
    found = classify(work, theta, surveyed, known=None)
    assert [point.label for point in found.points] == ["unclassified", "critical"]
    assert [point.loss for point in found.points] == [2.0, 0.0]
    for point in found.points:
        assert point.index is None
        assert "cancelled before" in point.notes[-1]
