"""Finders: how critical points are searched for."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import OpenFraction, Positive, Schema

Iterations = Annotated[int, Field(ge=1, le=1_000_000)]


class NewtonMrFinder(Schema):
    """Newton-MR: minimum-length MINRES-QLP steps, line search on the gradient norm."""

    kind: Literal["newton_mr"]
    max_iterations: Iterations = 500
    rtol: OpenFraction = 5e-4
    """Relative residual, or co-kernel residual, at which the linear solve stops."""
    max_krylov_iterations: Iterations | None = None
    """Products one linear solve may use; null is the number of parameters, 1,000 at
    most."""
    step_size: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """First step size of the line search (alpha)."""
    backtracking_factor: OpenFraction = 0.5
    """Factor by which the step size shrinks and grows (beta)."""
    sufficient_decrease: OpenFraction = 1e-4
    """Decrease asked of a backtracked step (rho)."""
    full_step_decrease: Annotated[float, Field(gt=0.0, le=1.0)] = 0.25
    """Decrease asked of the full Newton step (rho'); 0.5 is all that it can promise."""
    max_step_norm: Positive = 1e4
    """Norm at which the linear solve stops (maxxnorm)."""
    max_condition: Positive = 1e7
    """Condition number at which the linear solve stops (acondlim)."""


class NoFinder(Schema):
    """No search: the starts themselves are classified."""

    kind: Literal["none"]


Finder = Annotated[NewtonMrFinder | NoFinder, Field(discriminator="kind")]
