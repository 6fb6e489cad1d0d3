"""Spectra by products: a phase of their own, which tells of every product."""

from collections.abc import Sequence
from typing import final

from torch import Tensor

from service.schemas.reports import Point, SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import Built
from worker.build.matrices import matrix_order
from worker.errors import Drained
from worker.linalg.basis import Storage
from worker.linalg.footprint import Footprint
from worker.linalg.shortage import is_shortage, release
from worker.objectives.observed import Call
from worker.pipeline.spectra import Spectra
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Interrupted, Watch
from worker.reports.points import with_spectrum
from worker.spectra.computation import SpectrumComputation
from worker.spectra.footprint import spectrum_footprint
from worker.spectra.plan import SpectrumPlan, products_at_most

_GROUP = 16
"""Points decomposed together at most."""

_OUT_OF_TIME = "the job was cancelled before this spectrum was computed"


def decompose(
    task: ShardTask,
    built: Built,
    wanted: LanczosSpectrum,
    theta: Tensor,
    points: Sequence[Point],
    *,
    memory_budget_bytes: int,
    observer: Observer,
    watch: Watch,
) -> list[Point]:
    """Adds the spectra that do not come with the classification.

    Args:
        task: The shard.
        built: The problem.
        wanted: What it asks for.
        theta: Points, ``(runs, parameters)``.
        points: What is known of each.
        memory_budget_bytes: What a group of points may take.
        observer: Hears of every product.
        watch: Knows when to end.

    Returns:
        The points with their spectra, but for those that failed.

    Raises:
        Drained: If the shard is to be left.
    """
    found = list(points)
    left = [row for row, point in enumerate(points) if point.label != "failed"]
    decomposer = _Decomposer(
        task, built, wanted, points=len(left), observer=observer, watch=watch
    )
    most = min(_GROUP, _footprint(task, built, wanted).runs(memory_budget_bytes))
    while left:
        if watch.drain_requested:
            raise Drained
        group = left[:most]
        try:
            spectra = decomposer.spectra_within_memory(theta, group)
        except Interrupted:
            break
        if spectra is None:
            most = -(-len(group) // 2)
            release()
            continue
        for row, spectrum in zip(group, spectra, strict=True):
            found[row] = with_spectrum(found[row], spectrum)
        left = left[len(group) :]
    for row in left:
        notes = [*found[row].notes, _OUT_OF_TIME]
        found[row] = found[row].model_copy(update={"notes": notes})
    return found


def spectrum_bytes(task: ShardTask, built: Built, wanted: LanczosSpectrum) -> int:
    """What the spectrum of one point takes."""
    return _footprint(task, built, wanted).bytes(1)


def _footprint(task: ShardTask, built: Built, wanted: LanczosSpectrum) -> Footprint:
    return spectrum_footprint(
        built.objective.parameters,
        matrix_order(wanted, built),
        built.objective.dtype.itemsize,
        formed=matrix_order(wanted, built) <= task.dense_limit,
        top=wanted.top,
        steps=0 if wanted.density is None else wanted.density.steps,
    )


@final
class _Decomposer:
    """Spectra of groups of points.

    Tells of products as if each spectrum took as many as it may at most.
    """

    def __init__(
        self,
        task: ShardTask,
        built: Built,
        wanted: LanczosSpectrum,
        *,
        points: int,
        observer: Observer,
        watch: Watch,
    ) -> None:
        self._task = task
        self._built = built
        self._wanted = wanted
        self._observer = observer
        self._watch = watch
        self._spectra = Spectra(task, built, wanted, self._announce)
        self._each = self._products_at_most()
        self._total = points * self._each
        self._done = 0
        self._made = 0

    def spectra_within_memory(
        self, theta: Tensor, group: Sequence[int]
    ) -> Sequence[SpectrumReport | None] | None:
        """The spectra of a group; None where it is too large for the memory."""
        self._made = 0
        try:
            spectra = self._compute(theta[group], [self._task.starts[i] for i in group])
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error) or len(group) == 1:
                raise
            return None
        self._done += len(group) * self._each
        self._observer.progress(self._done, self._total, "products")
        return spectra

    def _compute(
        self, theta: Tensor, starts: Sequence[int]
    ) -> Sequence[SpectrumReport | None]:
        if self._spectra.formed:
            return self._spectra.exact(theta, None)
        plan = self._plan(starts)
        computation = SpectrumComputation.begin(
            plan, size=self._spectra.order, like=theta
        )
        spectrum = computation.run(
            self._spectra.matrix(theta),
            on_product=lambda done: self._tell(done * len(theta)),
        )
        return self._spectra.reports(spectrum, plan.storage)

    def _plan(self, starts: Sequence[int]) -> SpectrumPlan:
        objective = self._built.objective
        return SpectrumPlan(
            top=self._wanted.top,
            eigenvectors=False,
            density=self._spectra.density_plan,
            seed=self._task.specification.seed,
            starts=starts,
            storage=Storage(dtype=objective.dtype, device=objective.device),
        )

    def _products_at_most(self) -> int:
        if self._spectra.formed:
            return self._spectra.order
        return products_at_most(self._plan(()), self._spectra.order)

    def _announce(self, call: Call, runs: int) -> None:
        """Breaks off before a product; those of a matrix to be formed are counted."""
        if self._watch.stop_requested:
            raise Interrupted
        if self._watch.drain_requested:
            raise Drained
        if self._spectra.formed and call is Call.PRODUCT:
            self._made += runs
            self._tell(self._made)

    def _tell(self, made: int) -> None:
        self._observer.progress(self._done + made, self._total, "products")
