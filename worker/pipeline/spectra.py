"""The matrix that a job wants the spectrum of, and its spectrum where it is formed."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from service.schemas.reports import SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import Built, matrices
from worker.linalg.basis import Storage
from worker.linalg.operators import SymmetricOperator
from worker.objectives.observed import Announce, ObservedOperator
from worker.pipeline.task import ShardTask
from worker.reports.spectra import MatrixSpectrum, spectrum_report
from worker.reports.summaries import thresholds
from worker.spectra.plan import DensityPlan
from worker.spectra.spectrum import Spectrum, exact_spectrum


def spectrum_later(task: ShardTask, built: Built) -> LanczosSpectrum | None:
    """What a phase after the classification computes, if that forms no Hessians."""
    if built.objective.parameters <= task.dense_limit:
        return None
    return task.specification.spectrum


@final
class Spectra:
    """The matrices of a shard's points.

    Attributes:
        order: Of every matrix.
        formed: Whether they are formed, so that all eigenvalues become known.
    """

    def __init__(
        self, task: ShardTask, built: Built, wanted: LanczosSpectrum, announce: Announce
    ) -> None:
        """Computes nothing yet.

        Args:
            task: The shard.
            built: Its problem.
            wanted: What it asks for.
            announce: Told of every product; may raise.
        """
        self._built = built
        self._wanted = wanted
        self._announce = announce
        self._limits = thresholds(task.specification.classification)
        self.order = matrices.matrix_order(wanted, built)
        self.formed = self.order <= task.dense_limit
        self._formed_whole = built.objective.parameters <= task.dense_limit

    def matrix(self, theta: Tensor) -> SymmetricOperator:
        """The matrices at points ``(runs, parameters)``."""
        whole = ObservedOperator(
            inner=matrices.whole_matrix(self._wanted, self._built, theta),
            announce=self._announce,
        )
        return matrices.block(
            self._wanted, self._built, whole, formed_whole=self._formed_whole
        )

    def exact(
        self, theta: Tensor, known: Tensor | None
    ) -> Sequence[SpectrumReport | None]:
        """Spectra from all eigenvalues; None where a matrix is not finite.

        Args:
            theta: Points, ``(runs, parameters)``.
            known: All eigenvalues of the Hessians, ``(runs, parameters)``, if known.

        Returns:
            One for each point.
        """
        whole = self._wanted.matrix == "hessian" and self._wanted.parameters is None
        if not whole or known is None:
            known = _eigenvalues(self.matrix(theta))
        return self.reports(
            exact_spectrum(
                known, None, top=self._wanted.top, density_plan=self.density_plan
            ),
            None,
        )

    @property
    def density_plan(self) -> DensityPlan | None:
        """How the density is estimated, where it is wanted."""
        wanted = self._wanted.density
        if wanted is None:
            return None
        return DensityPlan(
            probes=wanted.probes, steps=wanted.steps, broadening=wanted.broadening
        )

    def reports(
        self, spectrum: Spectrum, storage: Storage | None
    ) -> Sequence[SpectrumReport | None]:
        """Spectra in plain numbers; None where a matrix is not finite.

        Args:
            spectrum: Of a group of points.
            storage: How Lanczos vectors were kept, where there were any.

        Returns:
            One for each point.
        """
        ends = torch.stack([spectrum.largest[:, 0], spectrum.smallest[:, 0]])
        limit = torch.full_like(ends[0], self._limits.zero_eigenvalue)
        if self._limits.relative:
            limit = limit * ends.abs().amax(dim=0)
        found = MatrixSpectrum(
            spectrum=spectrum,
            order=self.order,
            inertia=spectrum.inertia(limit),
            storage=storage,
        )
        return [
            spectrum_report(found, row, self._wanted)
            if spectrum.largest[row].isfinite().all()
            else None
            for row in range(len(spectrum.largest))
        ]


def _eigenvalues(operator: SymmetricOperator) -> Tensor:
    """All of them, ascending, ``(runs, size)``; NaN where a matrix is not finite."""
    dense = operator.dense().double()
    finite = dense.isfinite().flatten(1).all(dim=1)
    dense = torch.where(finite[:, None, None], dense, 0.0)
    eigenvalues = torch.linalg.eigvalsh(dense)
    return torch.where(finite[:, None], eigenvalues, torch.nan)
