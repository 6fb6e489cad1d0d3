"""What a search takes beside the objective's graphs."""

from worker.finders.base import Finder
from worker.linalg.footprint import Footprint

# Measured: the memory of whole searches, by the growth of their processes.
_VECTORS = 8  # of the state and the iterate
_MATRICES = 3  # a formed Hessian, its assembly or symmetrisation, its eigenvectors
_WORK_SPACE = 3  # matrices of the eigensolver
_SETTLING = 5  # of the one run that settles, with the eigensolver's


def search_footprint(
    finder: Finder, size: int, item: int, *, formed: bool, settles: bool
) -> Footprint:
    """The footprint of an iteration.

    Args:
        finder: What steps.
        size: Number of parameters.
        item: Bytes of a number.
        formed: Whether Hessians are formed.
        settles: Whether they may be where a run settles on a gradient-flat point.

    Returns:
        Vectors and matrices of every run that advances, and work space.
    """
    shared = _WORK_SPACE if formed else _SETTLING if settles else 0
    return Footprint.of(
        size=size,
        item=item,
        vectors=_VECTORS + finder.vectors(size, item, formed=formed),
        matrices=_MATRICES if formed else 0,
        shared_matrices=shared,
    )
