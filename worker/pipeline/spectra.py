"""The spectra that a job asks for, of a group of its points."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import Built, matrices
from worker.classification.measures import Measures
from worker.linalg.basis import Storage
from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation
from worker.pipeline.task import ShardTask
from worker.pipeline.watch import Watch
from worker.reports.spectra import MatrixSpectrum, spectrum_report
from worker.reports.summaries import thresholds
from worker.spectra.computation import SpectrumComputation
from worker.spectra.plan import DensityPlan, SpectrumPlan
from worker.spectra.spectrum import Spectrum, exact_spectrum


@final
class Spectra:
    """Computes spectra: all eigenvalues where matrices are formed, else by products."""

    def __init__(
        self, task: ShardTask, built: Built, wanted: LanczosSpectrum, watch: Watch
    ) -> None:
        self._task = task
        self._built = built
        self._wanted = wanted
        self._watch = watch
        self._order = matrices.matrix_order(wanted, built)
        self._limits = thresholds(task.specification.classification)

    def of(
        self, at: Linearisation, measures: Measures, starts: Sequence[int]
    ) -> list[SpectrumReport | None]:
        """The spectra at a group of points; None where a matrix is not finite.

        Args:
            at: The points.
            measures: There.
            starts: Number of every run's start.

        Returns:
            One for each point.
        """
        whole = self._wanted.matrix == "hessian" and self._wanted.parameters is None
        if whole and measures.eigenvalues is not None:
            found = self._exact(measures.eigenvalues)
        elif self._order <= self._task.dense_limit:
            found = self._exact(_eigenvalues(self._matrix(at)))
        else:
            found = self._estimate(self._matrix(at), at.theta, starts)
        return [
            spectrum_report(found, row, self._wanted)
            if found.spectrum.largest[row].isfinite().all()
            else None
            for row in range(len(starts))
        ]

    def _matrix(self, at: Linearisation) -> SymmetricOperator:
        found = matrices.matrix(
            self._wanted, self._built, at, dense_limit=self._task.dense_limit
        )
        return self._watch.classifying_by(found)

    def _exact(self, eigenvalues: Tensor) -> MatrixSpectrum:
        return self._found(
            exact_spectrum(
                eigenvalues, None, top=self._wanted.top, density_plan=self._density()
            )
        )

    def _estimate(
        self, operator: SymmetricOperator, like: Tensor, starts: Sequence[int]
    ) -> MatrixSpectrum:
        plan = SpectrumPlan(
            top=self._wanted.top,
            eigenvectors=False,
            density=self._density(),
            seed=self._task.specification.seed,
            starts=starts,
            storage=Storage.of(like),
        )
        computation = SpectrumComputation.begin(plan, size=operator.size, like=like)
        return self._found(computation.run(operator, on_product=lambda _done: None))

    def _density(self) -> DensityPlan | None:
        wanted = self._wanted.density
        if wanted is None:
            return None
        return DensityPlan(probes=wanted.probes, steps=wanted.steps)

    def _found(self, spectrum: Spectrum) -> MatrixSpectrum:
        ends = torch.stack([spectrum.largest[:, 0], spectrum.smallest[:, 0]])
        limit = torch.full_like(ends[0], self._limits.zero_eigenvalue)
        if self._limits.relative:
            limit = limit * ends.abs().amax(dim=0)
        return MatrixSpectrum(
            spectrum=spectrum, order=self._order, inertia=spectrum.inertia(limit)
        )


def _eigenvalues(operator: SymmetricOperator) -> Tensor:
    """All of them, ascending, ``(runs, size)``; NaN where a matrix is not finite."""
    dense = operator.dense().double()
    finite = dense.isfinite().flatten(1).all(dim=1)
    dense = torch.where(finite[:, None, None], dense, 0.0)
    eigenvalues = torch.linalg.eigvalsh(dense)
    return torch.where(finite[:, None], eigenvalues, torch.nan)
