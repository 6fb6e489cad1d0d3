"""A check that an objective is a function."""

from torch import Tensor

from worker.errors import RunError
from worker.objectives.base import Objective


def check_determinism(objective: Objective, theta: Tensor) -> None:
    """Evaluates twice and compares bit for bit.

    Args:
        objective: The objective.
        theta: Where to evaluate it, ``(runs, parameters)``.

    Raises:
        RunError: If the evaluations differ (``nondeterministic_objective``).
    """
    once, again = objective.gradient(theta), objective.gradient(theta)
    for first, second in zip(once, again, strict=True):
        equal = (first == second) | (first.isnan() & second.isnan())
        if not equal.all():
            raise RunError(
                "nondeterministic_objective",
                "two evaluations of the loss and its gradient at one point differ",
            )
