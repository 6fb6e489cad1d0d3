"""Finders: how critical points are searched for."""

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Nonnegative, OpenFraction, Positive, Schema

Iterations = Annotated[int, Field(ge=1, le=1_000_000)]
StepSize = Annotated[float, Field(gt=0.0, le=1.0)]
Hessian = Literal["auto", "exact", "krylov"]
"""`exact` forms the Hessian at every iterate, `krylov` takes products with it only;
`auto` takes what costs less, and the report says which it was."""


class NewtonMrFinder(Schema):
    """Newton-MR: minimum-length MINRES-QLP steps, line search on the gradient norm."""

    kind: Literal["newton_mr"]
    max_iterations: Iterations = 500
    hessian: Hessian = "auto"
    rtol: OpenFraction = 5e-4
    """Relative residual, or co-kernel residual, at which the linear solve stops."""
    max_krylov_iterations: Iterations | None = None
    """Products one linear solve may use; null is the number of parameters, 1,000 at
    most."""
    step_size: StepSize = 0.1
    """First step size of the line search (alpha)."""
    backtracking_factor: OpenFraction = 0.5
    """Factor by which the step size shrinks and grows (beta)."""
    sufficient_decrease: OpenFraction = 1e-4
    """Decrease asked of a backtracked step (rho)."""
    full_step_decrease: StepSize = 0.25
    """Decrease asked of the full Newton step (rho'); 0.5 is all that it can promise."""
    max_step_norm: Positive = 1e4
    """Norm at which the linear solve stops (maxxnorm)."""
    max_condition: Positive = 1e7
    """Condition number at which the linear solve stops (acondlim)."""
    safeguards: bool = True
    """Whether a linear solve that hardly began is repeated to a tighter tolerance, and
    a refused step replaced by one along ``-H g``. Without them it is the method of the
    paper, which stays in gradient-flat regions."""


class DampedNewtonFinder(Schema):
    """Damped Newton: ``(H + gamma I) p = -g`` for every gamma of a set.

    The step that leads to the smallest gradient norm is taken.
    """

    kind: Literal["damped_newton"]
    max_iterations: Iterations = 500
    hessian: Hessian = "auto"
    dampings: Annotated[list[Nonnegative], Field(min_length=1, max_length=64)] = [
        0.0,
        1e-6,
        1e-5,
        1e-4,
        1e-3,
        1e-2,
        1e-1,
        1.0,
        10.0,
    ]
    """Absolute values of the gammas, each tried with both signs."""


class GradientNormFinder(Schema):
    """Descent on the gradient norm along ``-H g``, with few products a step."""

    kind: Literal["gradient_norm"]
    max_iterations: Iterations = 10_000
    method: Literal["gradient_descent", "momentum", "backtracking"] = "backtracking"
    """`momentum` adds a heavy ball to `gradient_descent`; `backtracking` searches along
    the line at every step, so that the gradient norm always falls."""
    learning_rate: Positive | None = None
    """Step size, of `backtracking` the first one only; null adapts it to the curvature
    met on the way."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Share of the last step that the method `momentum` adds."""
    criterion: Literal["wolfe", "newton_mr"] = "newton_mr"
    """What `backtracking` accepts: the weak Wolfe conditions, or Newton-MR's sufficient
    decrease."""


class LevenbergMarquardtFinder(Schema):
    """Levenberg-Marquardt: ``argmin_p |g + H p|^2 + mu |p|^2``, bent to second order.

    mu adapts to how far the gradient norm falls as predicted. It converges to
    stationary points of the gradient norm: critical ones, and strictly gradient-flat.
    """

    kind: Literal["levenberg_marquardt"]
    max_iterations: Iterations = 500
    hessian: Hessian = "auto"
    regularisation: Annotated[float, Field(ge=1e-16, le=1e12)] = 1e-2
    """First mu."""


class NoFinder(Schema):
    """No search: the starts themselves are classified."""

    kind: Literal["none"]


Finder = Annotated[
    NewtonMrFinder
    | DampedNewtonFinder
    | GradientNormFinder
    | LevenbergMarquardtFinder
    | NoFinder,
    Field(discriminator="kind"),
]
