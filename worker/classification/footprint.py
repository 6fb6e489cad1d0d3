"""What a classification takes beside the objective's graphs."""

from worker.classification.measures import STEPS
from worker.linalg.footprint import Footprint

# Measured: the memory of whole classifications, by the growth of their processes.
_VECTORS = 60  # of the Krylov solver, its residuals and a basis's next vectors
_MATRICES = 3  # a formed Hessian, its assembly or symmetrisation, its eigenvectors
_WORK_SPACE = 3  # matrices of the eigensolver


def classification_footprint(size: int, item: int, *, formed: bool) -> Footprint:
    """The footprint of the measures, and of a spectrum where Hessians are formed.

    Args:
        size: Number of parameters.
        item: Bytes of a number.
        formed: Whether Hessians are formed.

    Returns:
        Vectors and matrices of every point, and work space.
    """
    if formed:
        return Footprint.of(
            size=size,
            item=8,  # spectra are computed in double precision
            vectors=_VECTORS,
            matrices=_MATRICES,
            shared_matrices=_WORK_SPACE,
        )
    return Footprint.of(size=size, item=item, vectors=_VECTORS + min(STEPS, 2 * size))
