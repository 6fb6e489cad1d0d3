"""The report of a job, assembled from the results of its shards."""

import shutil
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.schemas.environment import Environment
from service.schemas.reports import ProblemSummary, Report
from service.schemas.specifications import Specification
from worker.errors import RunError
from worker.reports.arrays import join_arrays
from worker.reports.artifacts import DATASET, POINTS, REPORT, TRACES, describe
from worker.reports.eigenvectors import (
    EIGENVECTORS,
    file_of_start,
    join_eigenvectors,
)
from worker.reports.searches import join_searches
from worker.reports.shards import ShardResult, read_result
from worker.reports.summaries import count, fractions, outcome, summarise


def assemble(
    *,
    job_id: str,
    specification: Specification,
    started_at: datetime,
    shard_folders: Sequence[Path],
    folder: Path,
    environment: Environment,
) -> Report:
    """Writes ``report.json`` and the artifacts that it names.

    Args:
        job_id: The job.
        specification: What it asked for.
        started_at: When its first shard began.
        shard_folders: Results of its shards, in any order.
        folder: Where to write.
        environment: What computed them.

    Returns:
        The report.

    Raises:
        RunError: If there are no results (``no_results``).
    """
    shards = sorted(
        (read_result(path) for path in shard_folders),
        key=lambda shard: shard.points[0].start,
    )
    if not shards:
        raise RunError("no_results", "no shard of the job left results")
    _join_artifacts(shards, folder)
    points = [point for shard in shards for point in shard.points]
    counts = count(points)
    finished_at = datetime.now(UTC)
    report = Report(
        schema_version="1.0",
        job_id=job_id,
        outcome=outcome(counts),
        counts=counts,
        fractions=fractions(counts),
        problem=_problem(shards, specification),
        search=join_searches([shard.facts.search for shard in shards]),
        points=points,
        summary=summarise(points, specification.classification),
        artifacts=[
            describe(folder / name)
            for name in (POINTS, TRACES, EIGENVECTORS, DATASET)
            if (folder / name).exists()
        ],
        seed=specification.seed,
        specification=specification,
        environment=environment,
        started_at=started_at,
        finished_at=finished_at,
        seconds=(finished_at - started_at).total_seconds(),
    )
    (folder / REPORT).write_text(report.model_dump_json())
    return report


def _join_artifacts(shards: Sequence[ShardResult], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (POINTS, TRACES):
        join_arrays([shard.folder / name for shard in shards], folder / name)
    join_eigenvectors(
        [
            shard.folder / file_of_start(point.start)
            for shard in shards
            for point in shard.points
        ],
        folder / EIGENVECTORS,
    )
    for shard in shards:
        if (shard.folder / DATASET).exists():
            shutil.copyfile(shard.folder / DATASET, folder / DATASET)
            break


def _problem(
    shards: Sequence[ShardResult], specification: Specification
) -> ProblemSummary:
    facts = shards[0].facts
    floors = [floor for shard in shards for floor in shard.facts.gradient_norm_floors]
    epsilon = {"float64": 2.0**-52, "float32": 2.0**-23}[specification.precision]
    floor = statistics.median(floors) if floors else epsilon**2
    cutoff = specification.classification.squared_gradient_norm_cutoff
    warnings = list(facts.warnings)
    if floor > cutoff:
        warnings.append(
            f"Rounding errors in {specification.precision} leave a squared gradient"
            f" norm of about {floor:.0e}, above the cut-off of {cutoff:.0e}: a critical"
            " point may not be recognised."
        )
    return ProblemSummary(
        parameters=facts.parameters,
        samples=facts.samples,
        smooth=facts.smooth,
        gradient_norm_floor=floor,
        warnings=warnings,
    )
