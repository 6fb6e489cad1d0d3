"""What a spectrum takes beside the objective's graphs."""

from worker.linalg.footprint import Footprint
from worker.spectra.plan import SpectrumPlan, vectors_kept

_VECTORS = 24  # points, gradients, products, their copies
_MATRICES = 3  # a formed matrix, its symmetrisation, its eigenvectors
_WORK_SPACE = 3  # matrices of the eigensolver


def formed_footprint(parameters: int, order: int, item: int) -> Footprint:
    """The footprint of the spectra of matrices that are formed.

    Args:
        parameters: Number of parameters.
        order: Of the matrix.
        item: Bytes of a number.

    Returns:
        Vectors and matrices of every point, and work space.
    """
    matrices = Footprint.of(
        size=order,
        item=8,  # spectra are computed in double precision
        vectors=0,
        matrices=_MATRICES,
        shared_matrices=_WORK_SPACE,
    )
    vectors = Footprint.of(size=parameters, item=item, vectors=_VECTORS)
    return Footprint(once=matrices.once, per_run=vectors.per_run + matrices.per_run)


def lanczos_footprint(
    plan: SpectrumPlan, parameters: int, order: int, item: int
) -> Footprint:
    """The footprint of the spectra of matrices that are known by their products.

    Args:
        plan: What is computed, and how Lanczos vectors are kept.
        parameters: Number of parameters.
        order: Of the matrix.
        item: Bytes of a number in products.

    Returns:
        Vectors of every point, and a copy of the eigenvectors that are written.
    """
    kept = vectors_kept(plan, order) * order * plan.storage.dtype.itemsize
    written = min(2 * plan.top, order) * order * item if plan.eigenvectors else 0
    vectors = Footprint.of(size=parameters, item=item, vectors=_VECTORS)
    return Footprint(once=0, per_run=vectors.per_run + kept + written)
