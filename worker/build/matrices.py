"""The matrix whose spectrum is asked for."""

from torch import Tensor

from service.schemas.spectra import LanczosSpectrum
from worker.build.needs import needed
from worker.build.problems import Built
from worker.linalg.operators import SymmetricOperator
from worker.linalg.restriction import Restriction


def whole_matrix(
    spec: LanczosSpectrum, built: Built, theta: Tensor
) -> SymmetricOperator:
    """The matrix of all parameters at points ``(runs, parameters)``."""
    match spec.matrix:
        case "hessian":
            return built.objective.linearise(theta).hessian
        case "gauss_newton" | "fisher":
            return needed(built.gauss_newton)(theta)


def block(
    spec: LanczosSpectrum, built: Built, whole: SymmetricOperator, *, formed_whole: bool
) -> SymmetricOperator:
    """The part of a matrix that is asked for.

    Args:
        spec: Which part.
        built: The problem.
        whole: The matrix.
        formed_whole: Whether a block is cut out of the whole where it is formed.

    Returns:
        The matrix itself where all of it is asked for.
    """
    if spec.parameters is None:
        return whole
    return Restriction(
        operator=whole,
        entries=built.layout.entries(spec.parameters).to(built.objective.device),
        dtype=built.objective.dtype,
        formed_whole=formed_whole,
    )


def known_smallest(spec: LanczosSpectrum, built: Built) -> float | None:
    """What all of the smallest eigenvalues asked for are known to be, if they are."""
    if spec.matrix == "hessian" or built.smallest_of_gauss_newton is None:
        return None
    return built.smallest_of_gauss_newton(
        matrix_order(spec, built), spec.values_at_an_end
    )


def least(spec: LanczosSpectrum, built: Built) -> float | None:
    """What no eigenvalue is below, if that is known."""
    return None if spec.matrix == "hessian" else built.least_of_gauss_newton


def matrix_order(spec: LanczosSpectrum, built: Built) -> int:
    """Number of the parameters that the matrix belongs to."""
    if spec.parameters is None:
        return built.layout.parameters
    return len(built.layout.entries(spec.parameters))


def parameters_of(spec: LanczosSpectrum, built: Built, theta: Tensor) -> Tensor:
    """Those parameters of points ``(runs, parameters)``, ``(runs, order)``."""
    if spec.parameters is None:
        return theta
    return theta[:, built.layout.entries(spec.parameters).to(theta.device)]


def parameter_names(spec: LanczosSpectrum, built: Built) -> list[str]:
    """The architecture's names of these parameters, in order."""
    return built.layout.matching(spec.parameters or "*")
