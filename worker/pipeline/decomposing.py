"""Spectra by products: a phase of their own, which tells of every product."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import matrices
from worker.errors import Drained
from worker.finders.loop.state import SearchState
from worker.linalg.shortage import is_shortage, release
from worker.objectives.observed import Call
from worker.objectives.rounding import gradient_norm_floor
from worker.pipeline.checkpoints import Checkpoint
from worker.pipeline.spectra import Spectra, spectrum_alone
from worker.pipeline.spectra_state import SpectraState
from worker.pipeline.spectrum_plans import (
    serves_classification,
    spectrum_footprint,
    spectrum_plan,
)
from worker.pipeline.watch import Interrupted
from worker.pipeline.work import Work
from worker.reports.points import with_spectrum
from worker.spectra.computation import SpectrumComputation
from worker.spectra.plan import SpectrumPlan
from worker.spectra.spectrum import Spectrum

_GROUP = 16
"""Points decomposed together at most."""

_OUT_OF_TIME = "the job was cancelled before this spectrum was computed"


def decompose(
    work: Work, wanted: LanczosSpectrum, search: SearchState, state: SpectraState
) -> None:
    """Adds spectra to surveyed points, where no Hessian is formed to classify them.

    Args:
        work: The shard.
        wanted: What it asks for.
        search: The search that ended at the points.
        state: How far the spectra have come; a cancelled job's are left undone.

    Raises:
        MemoryError: If memory does not hold one point.
        RuntimeError: The same, as allocators say it.
    """
    work.observer.phase("decomposing")
    decomposer = _Decomposer(work, wanted, search, state)
    footprint = spectrum_footprint(work.task, work.built, wanted)
    most = min(_GROUP, footprint.runs(work.memory_budget_bytes))
    while state.left:
        if not state.computation:
            state.group = min(most, len(state.left))
        try:
            decomposer.decompose_group()
        except Interrupted:
            break
        except (MemoryError, RuntimeError) as error:
            if not is_shortage(error) or state.group == 1:
                raise
            most = -(-state.group // 2)
            state.computation = {}
        release()
    for row in state.left:
        point = state.points[row]
        notes = [*point.notes, _OUT_OF_TIME]
        state.points[row] = point.model_copy(update={"notes": notes})


@final
class _Decomposer:
    """Decomposes the matrices of one group of points after another."""

    def __init__(
        self,
        work: Work,
        wanted: LanczosSpectrum,
        search: SearchState,
        state: SpectraState,
    ) -> None:
        self._task = work.task
        self._built = work.built
        self._wanted = wanted
        self._search = search
        self._state = state
        self._observer = work.observer
        self._watch = work.watch
        self._checkpoint = Checkpoint(work.task)
        self._spectra = Spectra(work.task, work.built, wanted, self._announce)
        self._formed = 0

    def decompose_group(self) -> None:
        """Adds the spectra of the next points."""
        state = self._state
        group = state.left[: state.group]
        theta = self._search.theta[group]
        starts = [self._task.starts[row] for row in group]
        if self._spectra.formed:
            self._formed = 0
            found, made = self._spectra.exact(theta, starts), self._spectra.order
        else:
            plan = spectrum_plan(self._task, self._built, self._wanted, starts)
            spectrum, made = self._by_products(theta, plan)
            found = self._spectra.record(spectrum, starts, plan.storage)
            if spectrum.quadrature is not None and serves_classification(self._wanted):
                state.keep(spectrum.quadrature)
        self._note_floors(theta, found)
        for row, each in zip(group, found, strict=True):
            state.points[row] = with_spectrum(state.points[row], each)
        state.made += made * len(group)
        state.left = state.left[len(group) :]
        state.computation = {}
        self._tell(0, made)

    def _note_floors(
        self, theta: Tensor, found: Sequence[SpectrumReport | None]
    ) -> None:
        """Of points that will not be classified, with the matrix for the Hessian.

        A Gauss-Newton matrix is what is left of the Hessian where the floor matters,
        at small losses; a block tells of its own part of the gradient.
        """
        if not spectrum_alone(self._task, self._built):
            return
        own = matrices.parameters_of(self._wanted, self._built, theta)
        for point, each in zip(own, found, strict=True):
            if each is not None:
                norm = torch.tensor([_norm(each)], dtype=torch.float64)
                floor = gradient_norm_floor(norm, point[None].cpu())
                self._state.gradient_norm_floors.append(float(floor))

    def _by_products(self, theta: Tensor, plan: SpectrumPlan) -> tuple[Spectrum, int]:
        """The spectra, and how many products each run made."""
        state = self._state.computation
        if state:
            computation = SpectrumComputation.from_tensors(plan, state, like=theta)
        else:
            computation = SpectrumComputation.begin(
                plan, size=self._spectra.order, like=theta
            )
        self._state.computation = {}

        def on_product(made: int) -> None:
            self._tell(made, computation.products_expected)
            if self._watch.stop_requested:
                raise Interrupted
            if self._watch.drain_requested or self._checkpoint.due:
                self._write(computation)
            if self._watch.drain_requested:
                raise Drained

        spectrum = computation.run(self._spectra.matrix(theta), on_product=on_product)
        return spectrum, computation.products_expected

    def _write(self, computation: SpectrumComputation) -> None:
        self._state.computation = computation.to_tensors()
        self._checkpoint.write(self._search, self._state)
        self._state.computation = {}
        self._observer.checkpointed(self._checkpoint.path)

    def _announce(self, call: Call, runs: int) -> None:
        """Counts the products that form a matrix, and breaks off between them."""
        if not self._spectra.formed:
            return
        if self._watch.stop_requested:
            raise Interrupted
        if self._watch.drain_requested:
            raise Drained
        if call is Call.PRODUCT:
            self._formed += runs
            self._tell(self._formed // self._state.group, self._spectra.order)

    def _tell(self, made: int, expected: int) -> None:
        """Tells of the products of the group, by as many as each spectrum may take."""
        state = self._state
        self._observer.progress(
            state.made + made * state.group,
            state.made + expected * len(state.left),
            "products",
        )


def _norm(spectrum: SpectrumReport) -> float:
    """Of Frobenius where it was estimated, else the largest magnitude found."""
    if spectrum.frobenius_norm is not None:
        return spectrum.frobenius_norm
    return max(abs(value) for value in spectrum.largest + spectrum.smallest)
