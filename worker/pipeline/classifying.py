"""The classification of a shard's points, in groups that fit the memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import AnalyticMatch, Point, SpectrumReport
from worker.build import Built
from worker.classification.footprint import classification_footprint
from worker.classification.measures import Measures, measure
from worker.errors import Drained
from worker.linalg.footprint import Footprint
from worker.linalg.shortage import is_shortage, release
from worker.pipeline.spectra import Spectra, spectrum_alone, spectrum_later
from worker.pipeline.task import ShardTask
from worker.pipeline.watch import Interrupted
from worker.pipeline.work import Work
from worker.reports.matches import analytic_matches
from worker.reports.points import classified_point, surveyed_point
from worker.reports.runs import Run
from worker.reports.summaries import thresholds
from worker.spectra.quadrature import Quadrature

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


def survey(work: Work, theta: Tensor, runs: Sequence[Run]) -> list[Point]:
    """Labels the points of a shard by their gradients alone.

    Args:
        work: The shard.
        theta: Points, ``(runs, parameters)``.
        runs: What led to each.

    Returns:
        The points.
    """
    limits = thresholds(work.task.specification.classification)
    if spectrum_alone(work.task, work.built):
        runs = [run.noting(_SPECTRUM_ONLY) for run in runs]
    value, gradient = work.built.objective.gradient(theta)
    square = (gradient.double() ** 2).sum(dim=1)
    return [
        surveyed_point(run, float(value[row]), float(square[row]), limits)
        for row, run in enumerate(runs)
    ]


def classify(
    work: Work, theta: Tensor, surveyed: Sequence[Point], *, known: Quadrature | None
) -> Classified:
    """Classifies every point of a shard.

    Args:
        work: The shard.
        theta: Points, ``(runs, parameters)``.
        surveyed: What is known of each, its spectrum where that was computed before.
        known: Quadrature of the Hessians of the first points that have not failed.

    Returns:
        The points.

    Raises:
        Drained: If the shard is to be left; all that was done before is checkpointed.
    """
    observer, watch = work.observer, work.watch
    observer.phase("classifying")
    points = {
        row: point for row, point in enumerate(surveyed) if point.label == "failed"
    }
    for point in points.values():
        observer.point(point)
    floors: list[float] = []
    rows = [row for row in range(len(surveyed)) if row not in points]
    classifier = _Classifier(work, theta)
    footprint = _footprint(work.task, work.built)
    most = min(_GROUP, footprint.runs(work.memory_budget_bytes))
    left = rows
    while left:
        observer.progress(len(points), len(surveyed), "points")
        if watch.drain_requested:
            raise Drained
        group = left[: 1 if watch.stop_requested else most]
        first = len(rows) - len(left)
        try:
            found = classifier.classify_within_memory(
                group,
                [surveyed[row] for row in group],
                _part(known, first, len(group)),
            )
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
    for row in left:
        point = surveyed[row]
        points[row] = point.model_copy(update={"notes": [*point.notes, _OUT_OF_TIME]})
    observer.progress(len(points), len(surveyed), "points")
    return Classified(
        points=[points[row] for row in range(len(surveyed))],
        gradient_norm_floors=floors,
    )


def _part(known: Quadrature | None, first: int, count: int) -> Quadrature | None:
    """Of so many runs from the first on; None where it does not reach so far."""
    if known is None or first + count > len(known.known.values):
        return None
    return known.take(torch.arange(first, first + count))


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

    def __init__(self, work: Work, theta: Tensor) -> None:
        task, built, watch = work.task, work.built, work.watch
        self._task = task
        self._theta = theta
        self._analytic = built.analytic
        self._limits = thresholds(task.specification.classification)
        self._objective = watch.classifying(built.objective)
        wanted = task.specification.spectrum
        self._spectra: Spectra | None = None
        if wanted is not None and spectrum_later(task, built) is None:
            self._spectra = Spectra(task, built, wanted, watch.announce_classification)

    def classify_within_memory(
        self,
        group: Sequence[int],
        surveyed: Sequence[Point],
        known: Quadrature | None,
    ) -> Classified | None:
        """The points of a group; None where it is too large for the memory."""
        try:
            return self.classify(self._theta[group], surveyed, known)
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error) or len(group) == 1:
                raise
        return None

    def classify(
        self, theta: Tensor, surveyed: Sequence[Point], known: Quadrature | None
    ) -> Classified:
        starts = [point.start for point in surveyed]
        at = self._objective.linearise(theta)
        measures = measure(
            at,
            self._limits,
            dense_limit=self._task.dense_limit,
            seed=self._task.specification.seed,
            starts=starts,
            known=known,
        )
        spectra: Sequence[SpectrumReport | None] = [it.spectrum for it in surveyed]
        if self._spectra is not None:
            spectra = self._spectra.exact(theta, starts, measures.eigenvalues)
        matches = self._matches(measures, theta)
        floors = measures.gradient_norm_floor[measures.finite]
        return Classified(
            points=[
                classified_point(
                    point,
                    place,
                    measures,
                    spectrum=spectra[place],
                    match=matches[place],
                    thresholds=self._limits,
                )
                for place, point in enumerate(surveyed)
            ],
            gradient_norm_floors=floors.tolist(),
        )

    def _matches(
        self, measures: Measures, theta: Tensor
    ) -> Sequence[AnalyticMatch | None]:
        if self._analytic is None:
            return [None] * len(theta)
        return analytic_matches(self._analytic, measures, theta)
