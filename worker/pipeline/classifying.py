"""The classification of a shard's points, in groups that fit the memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import AnalyticMatch, Point, SpectrumReport
from worker.build import Built
from worker.classification.footprint import classification_footprint
from worker.classification.labels import Thresholds
from worker.classification.measures import Measures, measure
from worker.errors import Drained
from worker.linalg.footprint import Footprint
from worker.linalg.shortage import is_shortage, release
from worker.pipeline.spectra import Spectra, spectrum_later
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Interrupted, Watch
from worker.reports.matches import analytic_matches
from worker.reports.points import classified_point, unclassified_point
from worker.reports.runs import Run
from worker.reports.summaries import thresholds

_GROUP = 16
"""Points classified together at most, so that progress shows."""

_SPECTRUM_ONLY = (
    "only the spectrum was asked for, and the Hessian is too large to be formed: the"
    " relative residual and the kernel fraction were not computed"
)
_OUT_OF_TIME = "the job was cancelled before this point was classified"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """Points in order of their starts.

    Attributes:
        points: All of them.
        gradient_norm_floors: Of those whose Hessian is finite.
    """

    points: list[Point]
    gradient_norm_floors: list[float]


def classify(
    task: ShardTask,
    built: Built,
    theta: Tensor,
    runs: Sequence[Run],
    *,
    memory_budget_bytes: int,
    observer: Observer,
    watch: Watch,
) -> Classified:
    """Classifies every point of a shard.

    Args:
        task: The shard.
        built: The problem.
        theta: Points, ``(runs, parameters)``.
        runs: What led to each.
        memory_budget_bytes: What a group of points may take.
        observer: Hears of every point.
        watch: Knows when to end.

    Returns:
        The points.

    Raises:
        Drained: If the shard is to be left; its search has been checkpointed.
    """
    limits = thresholds(task.specification.classification)
    value, gradient = built.objective.gradient(theta)
    square = (gradient.double() ** 2).sum(dim=1)
    finite = value.isfinite() & square.isfinite()
    points = {
        row: unclassified_point(
            runs[row], float(value[row]), float(square[row]), limits
        )
        for row in torch.nonzero(~finite)[:, 0].tolist()
    }
    for point in points.values():
        observer.point(point)
    floors: list[float] = []
    rows = torch.nonzero(finite)[:, 0].tolist()
    classifier = _Classifier(task, built, limits, watch)
    most = min(_GROUP, _footprint(task, built).runs(memory_budget_bytes))
    left = rows
    while left:
        observer.progress(len(points), len(runs), "points")
        if watch.drain_requested:
            raise Drained
        group = left[: 1 if watch.stop_requested else most]
        try:
            found = classifier.classify_within_memory(theta, runs, group)
        except Interrupted:
            break
        if found is None:
            most = -(-len(group) // 2)
            release()
            continue
        floors.extend(found.gradient_norm_floors)
        for row, point in zip(group, found.points, strict=True):
            points[row] = point
            observer.point(point)
        left = left[len(group) :]
    for row in rows:
        if row not in points:
            run = runs[row].noting(_OUT_OF_TIME)
            points[row] = unclassified_point(
                run, float(value[row]), float(square[row]), limits
            )
    observer.progress(len(points), len(runs), "points")
    return Classified(
        points=[points[row] for row in range(len(runs))], gradient_norm_floors=floors
    )


def survey(
    task: ShardTask,
    built: Built,
    theta: Tensor,
    runs: Sequence[Run],
    *,
    observer: Observer,
) -> Classified:
    """Points of which only the spectrum is asked for, and comes later.

    Args:
        task: The shard.
        built: The problem.
        theta: Points, ``(runs, parameters)``.
        runs: What led to each.
        observer: Hears of every point.

    Returns:
        The points, labelled by their gradients alone.
    """
    limits = thresholds(task.specification.classification)
    value, gradient = built.objective.gradient(theta)
    square = (gradient.double() ** 2).sum(dim=1)
    points = [
        unclassified_point(
            run.noting(_SPECTRUM_ONLY), float(value[row]), float(square[row]), limits
        )
        for row, run in enumerate(runs)
    ]
    for point in points:
        observer.point(point)
    observer.progress(len(points), len(points), "points")
    return Classified(points=points, gradient_norm_floors=[])


def needed_bytes(task: ShardTask, built: Built) -> int:
    """What the classification of one point takes."""
    return _footprint(task, built).bytes(1)


def _footprint(task: ShardTask, built: Built) -> Footprint:
    return classification_footprint(
        built.objective.parameters,
        built.objective.dtype.itemsize,
        formed=built.objective.parameters <= task.dense_limit,
    )


@final
class _Classifier:
    """Measures, spectra and matches of a group of points."""

    def __init__(
        self, task: ShardTask, built: Built, limits: Thresholds, watch: Watch
    ) -> None:
        self._task = task
        self._analytic = built.analytic
        self._limits = limits
        self._objective = watch.classifying(built.objective)
        wanted = task.specification.spectrum
        self._spectra: Spectra | None = None
        if wanted is not None and spectrum_later(task, built) is None:
            self._spectra = Spectra(task, built, wanted, watch.announce_classification)

    def classify_within_memory(
        self, theta: Tensor, runs: Sequence[Run], group: Sequence[int]
    ) -> Classified | None:
        """The points of a group; None where it is too large for the memory."""
        try:
            return self.classify(theta, runs, group)
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error) or len(group) == 1:
                raise
        return None

    def classify(
        self, theta: Tensor, runs: Sequence[Run], group: Sequence[int]
    ) -> Classified:
        starts = [runs[row].start for row in group]
        at = self._objective.linearise(theta[group])
        measures = measure(
            at,
            self._limits,
            dense_limit=self._task.dense_limit,
            seed=self._task.specification.seed,
            starts=starts,
        )
        spectra: Sequence[SpectrumReport | None] = [None] * len(group)
        if self._spectra is not None:
            spectra = self._spectra.exact(at.theta, starts, measures.eigenvalues)
        matches = self._matches(measures, theta[group])
        floors = measures.gradient_norm_floor[measures.finite]
        return Classified(
            points=[
                classified_point(
                    runs[row],
                    place,
                    measures,
                    spectrum=spectra[place],
                    match=matches[place],
                    thresholds=self._limits,
                )
                for place, row in enumerate(group)
            ],
            gradient_norm_floors=floors.tolist(),
        )

    def _matches(
        self, measures: Measures, theta: Tensor
    ) -> Sequence[AnalyticMatch | None]:
        if self._analytic is None:
            return [None] * len(theta)
        return analytic_matches(self._analytic, measures, theta)
