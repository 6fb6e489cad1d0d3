"""Whether a search forms its Hessians."""

from typing import Literal

from worker.errors import RunError
from worker.finders.base import Finder
from worker.objectives.base import Objective

HessianChoice = Literal["auto", "exact", "krylov"]
"""``exact`` forms the Hessian at every iterate, ``krylov`` takes products with it only;
``auto`` takes what costs less."""


def forms_hessians(
    choice: HessianChoice, objective: Objective, finder: Finder, *, dense_limit: int
) -> bool:
    """Whether Hessians are formed; the same for every shard and resume of a job.

    Args:
        choice: What is asked for.
        objective: What is searched.
        finder: How.
        dense_limit: Number of parameters beyond which no Hessian may be formed.

    Returns:
        Whether the search forms them.

    Raises:
        RunError: If they are asked for and too large (``hessian_too_large``).
    """
    size = objective.parameters
    match choice:
        case "krylov":
            return False
        case "exact":
            if size > dense_limit:
                message = f"Hessians are formed up to {dense_limit} parameters"
                raise RunError("hessian_too_large", f"{message}; there are {size}")
            return True
        case "auto":
            return size <= dense_limit and (
                objective.hessian_cost <= finder.products(size)
            )
