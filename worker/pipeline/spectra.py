"""The spectra that a job asks for, of a group of its points."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import Built, matrices
from worker.classification.measures import Measures
from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Linearisation
from worker.pipeline.task import ShardTask
from worker.pipeline.watch import Watch
from worker.reports.spectra import MatrixSpectrum, spectrum_report
from worker.reports.summaries import thresholds
from worker.spectra.inertia import exact_inertia
from worker.spectra.spectrum import DensityPlan, exact_spectrum, lanczos_spectrum


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
        largest = eigenvalues.abs().amax(dim=1)
        limit = torch.full_like(largest, self._limits.zero_eigenvalue)
        return MatrixSpectrum(
            spectrum=exact_spectrum(
                eigenvalues,
                top=self._wanted.top,
                density=self._wanted.density is not None,
            ),
            order=self._order,
            trace=eigenvalues.sum(dim=1),
            frobenius_norm=torch.linalg.vector_norm(eigenvalues, dim=1),
            inertia=exact_inertia(
                eigenvalues, limit * largest if self._limits.relative else limit
            ),
        )

    def _estimate(
        self, operator: SymmetricOperator, like: Tensor, starts: Sequence[int]
    ) -> MatrixSpectrum:
        density = self._wanted.density
        plan = None
        if density is not None:
            plan = DensityPlan(probes=density.probes, steps=density.steps)
        spectrum = lanczos_spectrum(
            operator,
            like,
            top=self._wanted.top,
            density=plan,
            seed=self._task.specification.seed,
            starts=starts,
        )
        unknown = torch.full_like(spectrum.largest[:, 0], torch.nan)
        return MatrixSpectrum(
            spectrum=spectrum,
            order=self._order,
            trace=unknown,
            frobenius_norm=unknown,
            inertia=None,
        )


def _eigenvalues(operator: SymmetricOperator) -> Tensor:
    """All of them, ascending, ``(runs, size)``; NaN where a matrix is not finite."""
    dense = operator.dense().double()
    finite = dense.isfinite().flatten(1).all(dim=1)
    dense = torch.where(finite[:, None, None], dense, 0.0)
    eigenvalues = torch.linalg.eigvalsh(dense)
    return torch.where(finite[:, None], eigenvalues, torch.nan)
