"""The matrix whose spectrum is asked for."""

from service.schemas.spectra import LanczosSpectrum
from worker.build.needs import needed
from worker.build.problems import Built
from worker.linalg.operators import SymmetricOperator
from worker.linalg.restriction import Restriction
from worker.objectives.base import Linearisation


def matrix(
    spec: LanczosSpectrum, built: Built, at: Linearisation, *, dense_limit: int
) -> SymmetricOperator:
    """The matrix at every point of a linearisation.

    Args:
        spec: Which matrix, and which block of it.
        built: The problem.
        at: Points.
        dense_limit: Up to this order a whole matrix is formed for a block of it.

    Returns:
        The matrices.
    """
    match spec.matrix:
        case "hessian":
            whole = at.hessian
        case "gauss_newton" | "fisher":
            whole = needed(built.gauss_newton)(at.theta)
    if spec.parameters is None:
        return whole
    return Restriction(
        operator=whole,
        entries=built.layout.entries(spec.parameters).to(at.theta.device),
        dtype=at.theta.dtype,
        formed_whole=whole.size <= dense_limit,
    )


def matrix_order(spec: LanczosSpectrum, built: Built) -> int:
    """Number of the parameters that the matrix belongs to."""
    if spec.parameters is None:
        return built.layout.parameters
    return len(built.layout.entries(spec.parameters))
