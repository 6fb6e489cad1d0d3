"""What a spectrum takes beside the objective's graphs."""

from worker.linalg.extremes import places
from worker.linalg.footprint import Footprint

_VECTORS = 12  # points, gradients, products, their copies
_MATRICES = 3  # a formed matrix, its symmetrisation, its eigenvectors
_WORK_SPACE = 3  # matrices of the eigensolver


def spectrum_footprint(
    parameters: int, order: int, item: int, *, formed: bool, top: int, steps: int
) -> Footprint:
    """The footprint of the spectra of a group of points.

    Args:
        parameters: Number of parameters.
        order: Of the matrix.
        item: Bytes of a number.
        formed: Whether the matrix is formed.
        top: Extreme eigenvalues at either end.
        steps: Lanczos steps of a density, 0 for none.

    Returns:
        Vectors and matrices of every point, and work space.
    """
    fixed = Footprint.of(size=parameters, item=item, vectors=_VECTORS)
    if formed:
        own = Footprint.of(
            size=order,
            item=8,
            vectors=0,
            matrices=_MATRICES,
            shared_matrices=_WORK_SPACE,
        )
    else:
        basis = max(steps, 2 * places(top))
        own = Footprint.of(size=order, item=item, vectors=min(basis, 2 * order))
    return Footprint(once=own.once, per_run=fixed.per_run + own.per_run)
