"""The matrix that a job wants the spectrum of, and its spectrum where it is formed."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from service.schemas.finders import NoFinder
from service.schemas.reports import SpectrumReport
from service.schemas.spectra import LanczosSpectrum
from worker.build import Built, matrices
from worker.linalg.extremes.basis import Storage
from worker.linalg.operators import SymmetricOperator
from worker.objectives.observed import Announce, ObservedOperator
from worker.pipeline.spectrum_plans import density_plan
from worker.pipeline.task import ShardTask
from worker.reports.eigenvectors import file_of_start, write_eigenvectors
from worker.reports.spectra import MatrixSpectrum, spectrum_report
from worker.reports.summaries import thresholds
from worker.spectra.spectrum import Spectrum, exact_spectrum


def spectrum_later(task: ShardTask, built: Built) -> LanczosSpectrum | None:
    """What a phase after the classification computes, if that forms no Hessians."""
    if built.objective.parameters <= task.dense_limit:
        return None
    return task.specification.spectrum


def spectrum_alone(task: ShardTask, built: Built) -> bool:
    """Whether such a spectrum is all that is asked for."""
    unsearched = isinstance(task.specification.finder, NoFinder)
    return unsearched and spectrum_later(task, built) is not None


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
        self._folder = task.folder
        self._names = matrices.parameter_names(wanted, built)
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
        self, theta: Tensor, starts: Sequence[int], known: Tensor | None = None
    ) -> Sequence[SpectrumReport | None]:
        """Spectra from all eigenvalues; None where a matrix is not finite.

        Args:
            theta: Points, ``(runs, parameters)``.
            starts: Their numbers.
            known: All eigenvalues of the Hessians, ``(runs, parameters)``, if known.

        Returns:
            One for each point.
        """
        whole = self._wanted.matrix == "hessian" and self._wanted.parameters is None
        vectors = None
        if self._wanted.eigenvectors or not whole or known is None:
            known, vectors = _decomposed(
                self.matrix(theta), vectors=self._wanted.eigenvectors
            )
        spectrum = exact_spectrum(
            known,
            vectors,
            top=self._wanted.values_at_an_end,
            density_plan=density_plan(self._wanted),
        )
        return self.record(spectrum, starts, None)

    def record(
        self, spectrum: Spectrum, starts: Sequence[int], storage: Storage | None
    ) -> Sequence[SpectrumReport | None]:
        """Spectra in plain numbers; their eigenvectors go to the shard's folder.

        Args:
            spectrum: Of a group of points.
            starts: Their numbers.
            storage: How Lanczos vectors were kept, where there were any.

        Returns:
            One for each point; None where a matrix is not finite.
        """
        magnitude = spectrum.largest_magnitude()
        limit = torch.full_like(magnitude, self._limits.zero_eigenvalue)
        if self._limits.relative:
            limit = limit * magnitude
        found = MatrixSpectrum(
            spectrum=spectrum,
            order=self.order,
            inertia=spectrum.inertia(limit),
            storage=storage,
        )
        finite = magnitude.isfinite().tolist()
        for row, start in enumerate(starts):
            if spectrum.eigenpairs is not None and finite[row]:
                write_eigenvectors(
                    self._folder / file_of_start(start),
                    spectrum.eigenpairs,
                    row,
                    top=spectrum.largest.shape[1],
                    names=self._names,
                )
        return [
            spectrum_report(found, row, self._wanted) if finite[row] else None
            for row in range(len(starts))
        ]


def _decomposed(
    operator: SymmetricOperator, *, vectors: bool
) -> tuple[Tensor, Tensor | None]:
    """All eigenvalues, NaN for a matrix that is not finite; and vectors if wanted."""
    dense = operator.dense().double()
    finite = dense.isfinite().flatten(1).all(dim=1)
    dense = torch.where(finite[:, None, None], dense, 0.0)
    if vectors:
        values, columns = torch.linalg.eigh(dense)
    else:
        values, columns = torch.linalg.eigvalsh(dense), None
    return torch.where(finite[:, None], values, torch.nan), columns
