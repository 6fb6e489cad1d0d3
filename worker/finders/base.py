"""What a finder sees of a batch of runs, and what it answers."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, final

from torch import Tensor

from worker.linalg.operators import SymmetricOperator
from worker.objectives.base import Objective

STATIONARY = 1e-6
"""``|H g| / (|H| |g|)`` below which the gradient counts as in the kernel of ``H``."""

FinderState = dict[str, Tensor]
"""What a finder remembers between iterations: tensors of ``(runs, ...)``.

The loop owns them: it keeps each run's rows, drops none, and checkpoints them.
"""


@final
class StopReason(Enum):
    """Why a run ended: the value is a stable name, the sentence is for people."""

    CONVERGED = (
        "converged",
        "The squared gradient norm fell below the cut-off and stopped falling.",
    )
    STATIONARY_GRADIENT_NORM = (
        "stationary_gradient_norm",
        "The gradient is not zero but its norm is stationary: it is in H's kernel.",
    )
    NO_ACCEPTABLE_STEP = (
        "no_acceptable_step",
        "No step along the direction decreased the gradient norm enough.",
    )
    STAGNATED = (
        "stagnated",
        "The gradient norm hardly fell over many iterations.",
    )
    MAX_ITERATIONS = (
        "max_iterations",
        "The iterations were used up.",
    )
    NON_FINITE_START = (
        "non_finite_start",
        "The loss or the gradient is not finite at the start.",
    )
    NON_FINITE = (
        "non_finite",
        "The loss, the gradient or the Hessian ceased to be finite.",
    )
    STOP_REQUESTED = (
        "stop_requested",
        "A stop was asked for.",
    )

    sentence: str

    def __new__(cls, name: str, sentence: str) -> "StopReason":
        """The member with this value."""
        member = object.__new__(cls)
        member._value_ = name
        member.sentence = sentence
        return member


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One iterate of every run, to second order.

    Attributes:
        theta: Parameters, ``(runs, parameters)``.
        value: Losses, ``(runs,)``.
        gradient: Gradients ``g``, ``(runs, parameters)``.
        squared_gradient_norm: ``|g|^2``, ``(runs,)``.
        hessian: Hessians ``H``, formed where that is cheaper than many products.
        hessian_gradient: Half the gradient of ``|g|^2``: ``H g``,
            ``(runs, parameters)``.
        frobenius_norm: ``|H|_F`` where ``H`` is formed, else NaN, ``(runs,)``.
    """

    theta: Tensor
    value: Tensor
    gradient: Tensor
    squared_gradient_norm: Tensor
    hessian: SymmetricOperator
    hessian_gradient: Tensor
    frobenius_norm: Tensor

    def take(self, rows: Tensor) -> "Point":
        """The iterates of the runs with the given numbers, ``(k,)`` integers."""
        return Point(
            theta=self.theta[rows],
            value=self.value[rows],
            gradient=self.gradient[rows],
            squared_gradient_norm=self.squared_gradient_norm[rows],
            hessian=self.hessian.take(rows),
            hessian_gradient=self.hessian_gradient[rows],
            frobenius_norm=self.frobenius_norm[rows],
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a finder made of a point.

    Attributes:
        theta: The next iterates, ``(runs, parameters)``; the old ones where no step
            was acceptable.
        accepted: Whether the run moved, ``(runs,)`` bool.
        step_size: Factor on the direction, NaN where not accepted, ``(runs,)``.
        relative_residual: ``|H p + g| / (|H|_F |p| + |g|)`` of the Newton step at the
            point, NaN where the finder does not solve for one, ``(runs,)``.
        relative_residual_krylov: The same with the Krylov solver's norm estimate.
        hessian_norm: ``|H|_F``, or the finder's estimate of ``|H|``, ``(runs,)``.
        gradient_evaluations: Made for this step, ``(runs,)`` integers.
        hessian_vector_products: Made for this step, ``(runs,)`` integers.
        state: What to remember.
    """

    theta: Tensor
    accepted: Tensor
    step_size: Tensor
    relative_residual: Tensor
    relative_residual_krylov: Tensor
    hessian_norm: Tensor
    gradient_evaluations: Tensor
    hessian_vector_products: Tensor
    state: FinderState


class Finder(Protocol):
    """A direction and its acceptance, for a batch of runs that are independent."""

    @property
    def patience(self) -> int:
        """Iterations in which a run that gets anywhere has made noticeable progress."""
        ...

    @property
    def settles_below(self) -> float:
        """``|H g| / (|H| |g|)`` below which a run is taken to a flat point nearby."""
        ...

    def initial_state(self, theta: Tensor) -> FinderState:
        """What to remember at the starts, ``theta`` of ``(runs, parameters)``."""
        ...

    def products(self, size: int) -> int:
        """Hessian products that a step takes where ``H``, of this order, is not formed.

        An order of magnitude.
        """
        ...

    def vectors(self, size: int, item: int, *, formed: bool) -> int:
        """Parameter vectors that a step holds of each run, at most.

        Args:
            size: Number of parameters.
            item: Bytes of a number.
            formed: Whether ``H`` is formed; its decomposition is not counted.
        """
        ...

    def step(self, objective: Objective, point: Point, state: FinderState) -> Step:
        """One iteration of every run."""
        ...
