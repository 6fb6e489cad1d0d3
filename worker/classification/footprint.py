"""What a classification takes beside the objective's graphs."""

from worker.classification.measures import STEPS
from worker.linalg.extremes import places
from worker.linalg.footprint import Footprint

# Measured: the memory of whole classifications, by the growth of their processes.
_VECTORS = 40  # of the Krylov solver, its residuals and a basis's next vectors
_MATRICES = 3  # a formed Hessian, its assembly or symmetrisation, its eigenvectors
_WORK_SPACE = 3  # matrices of the eigensolver


def classification_footprint(
    size: int, item: int, *, formed: bool, top: int, steps: int
) -> Footprint:
    """The footprint of measures and spectrum.

    Args:
        size: Number of parameters.
        item: Bytes of a number.
        formed: Whether Hessians are formed.
        top: Extreme eigenvalues at either end that are wanted, 0 for none.
        steps: Lanczos steps of a density, 0 for none.

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
    basis = max(STEPS, steps, 2 * places(top) if top else 0)
    return Footprint.of(size=size, item=item, vectors=_VECTORS + min(basis, 2 * size))
