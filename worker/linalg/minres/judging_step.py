"""The solve for a Newton step that judges a point, whatever finder came there."""

from torch import Tensor

from worker.linalg.minres.minres_qlp import minres_qlp
from worker.linalg.minres.solution import Solution
from worker.linalg.operators import SymmetricOperator

RTOL = 5e-4
MAX_ITERATIONS = 1000
_LONGEST = 1e4


def judging_step(
    hessian: SymmetricOperator,
    gradient: Tensor,
    theta: Tensor,
    *,
    max_iterations: int | None = None,
) -> Solution:
    """Solves ``min |g + H p|`` for the shortest ``p``, as far as a verdict takes it.

    The solve ends before a step becomes longer than 1e4, or than twice the parameters
    where these are longer: it may lead through the origin to the other side.

    Args:
        hessian: ``H``.
        gradient: ``g``, ``(runs, size)``; may be in the coordinates of a subspace.
        theta: The points themselves, ``(runs, parameters)``.
        max_iterations: Krylov steps; None is four times the size, 1,000 at most.

    Returns:
        The steps.
    """
    return minres_qlp(
        hessian,
        -gradient,
        rtol=RTOL,
        max_iterations=max_iterations or min(4 * hessian.size, MAX_ITERATIONS),
        max_solution_norm=(2 * theta.norm(dim=1)).clamp(min=_LONGEST),
    )
