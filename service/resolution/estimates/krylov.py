"""How large the Krylov spaces of a search grow.

The constants are the workers' own.
"""

import math

LEAST_DIMENSION = 8
"""Of a space that serves every damping of a step, whatever it takes."""
MOST_DIMENSION = 512
"""Of such a space."""
BASIS_BYTES = 256 * 1024**2
"""What its basis may take."""
COPIES = 2.25
"""Of the basis, where it is lengthened and where runs are put together."""
PROJECTIONS = 8
"""Matrices of the space's order that a run holds beside it."""


def krylov_dimension(parameters: int, item: int) -> int:
    """Dimension of a space that serves every damping of a step, at most.

    Args:
        parameters: Number of parameters.
        item: Bytes of a number.

    Returns:
        The bound.
    """
    fitting = BASIS_BYTES // (max(1, parameters) * item)
    return min(parameters, MOST_DIMENSION, max(LEAST_DIMENSION, fitting))


def krylov_vectors(parameters: int, item: int) -> int:
    """Parameter vectors that such a space takes, at most.

    Args:
        parameters: Number of parameters.
        item: Bytes of a number.

    Returns:
        The bound.
    """
    dimension = krylov_dimension(parameters, item)
    projections = PROJECTIONS * dimension**2 / max(1, parameters)
    return math.ceil(COPIES * (dimension + 1) + projections)
