"""Runs the pipeline as a worker does, without one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

from service.schemas.environment import Environment
from service.schemas.reports import Report
from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from worker.pipeline import ShardTask, assemble, run_shard

JOB = "job_" + "0" * 32

ENVIRONMENT = Environment(gradflat="0", torch="0", python="3", device="cpu", threads=1)


class Inputs(TypedDict, total=False):
    weights: Path
    dataset: Path
    dense_limit: int
    checkpoint_seconds: float
    memory_budget_bytes: int
    device: str


def shard_task(
    specification: Specification,
    folder: Path,
    *,
    first: int,
    count: int,
    **inputs: Unpack[Inputs],
) -> ShardTask:
    folder.mkdir(parents=True, exist_ok=True)
    return ShardTask(
        job_id=JOB,
        specification=specification,
        first=first,
        count=count,
        folder=folder,
        weights=inputs.get("weights"),
        dataset=inputs.get("dataset"),
        dense_limit=inputs.get("dense_limit", 2000),
        checkpoint_seconds=inputs.get("checkpoint_seconds", 30.0),
        device=inputs.get("device", "cpu"),
        memory_budget_bytes=inputs.get("memory_budget_bytes", 2**30),
    )


def run_job(
    body: dict[str, Any],
    folder: Path,
    *,
    counts: tuple[int, ...],
    **inputs: Unpack[Inputs],
) -> Report:
    """The report of a job, in shards of so many starts; its files lie in the folder."""
    specification = Specification.model_validate(body)
    shards, first = [], 0
    for number, count in enumerate(counts):
        task = shard_task(
            specification, folder / str(number), first=first, count=count, **inputs
        )
        run_shard(task, RecordingObserver())
        shards.append(task.folder)
        first += count
    return assemble_job(specification, shards, folder)


def assemble_job(
    specification: Specification, shards: list[Path], folder: Path
) -> Report:
    assemble(
        job_id=JOB,
        specification=specification,
        started_at=datetime.now(UTC),
        shard_folders=shards,
        folder=folder,
        environment=ENVIRONMENT,
    )
    return Report.model_validate_json((folder / "report.json").read_bytes())
