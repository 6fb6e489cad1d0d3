"""An upper bound on the work of a job, in gradient evaluations over the data set."""

import math

from service.resolution.estimates.krylov import krylov_dimension
from service.schemas.finders import (
    DampedNewtonFinder,
    Finder,
    GradientNormFinder,
    LevenbergMarquardtFinder,
    NewtonMrFinder,
    NoFinder,
)
from service.schemas.specifications import Specification
from service.schemas.spectra import LanczosSpectrum
from service.schemas.starts import TrajectoryStarts

PRODUCT_COST = 3
"""Gradient evaluations that one Hessian-vector product costs, at most."""
KRYLOV_LIMIT = 1000
"""Products that one linear solve may use unless the job says otherwise."""
SOLVES_PER_STEP = 2
"""Linear solves for one Newton step, at most."""
SEARCHES_PER_STEP = 2
"""Directions searched by halving, at most."""
ITEM_BYTES = 4
"""Of a number in a Krylov space, at least."""
SIGNS = 2
"""Of every damping of a Newton step."""
FAN_ROUNDS = 10
"""Step sizes that all damped steps are tried with, at most."""
WOLFE_TRIALS = 60
"""Step sizes of a line search for the Wolfe conditions, at most."""
REGULARISATIONS = 15
"""Tried for one step of Levenberg-Marquardt, at most."""
GRADIENTS_PER_TRIAL = 2
"""Of such a step: one that bends it, one at its end."""
PRODUCTS_PER_VALUE = 200
"""Products for each of the extreme eigenvalues asked for at an end, at most."""
LEAST_PRODUCTS = 2000
"""That the search for extreme eigenvalues may take, however few are asked for."""
_MANTISSA_BITS = 53


def krylov_iterations(parameters: int) -> int:
    """Products of one linear solve of a search where the job leaves it open."""
    return min(parameters, KRYLOV_LIMIT)


def gradient_evaluations(
    specification: Specification,
    *,
    parameters: int,
    order: int,
    starts: int,
    dense_limit: int,
) -> int:
    """The bound.

    Args:
        specification: The job.
        parameters: Number of parameters.
        order: Of the matrix whose spectrum is asked for, 0 for none.
        starts: Number of starts.
        dense_limit: Up to this order matrices are formed, at a product for each row.

    Returns:
        Evaluations for all starts together.
    """
    dense = parameters <= dense_limit
    each = (
        _search(specification.finder, parameters, dense=dense)
        + _classification(specification, parameters, dense=dense)
        + PRODUCT_COST
        * spectrum_products(
            specification.spectrum, order=order, formed=order <= dense_limit
        )
    )
    chosen = specification.starts
    training = 2 * chosen.steps if isinstance(chosen, TrajectoryStarts) else 0
    return starts * each + training


def spectrum_products(
    spectrum: LanczosSpectrum | None, *, order: int, formed: bool
) -> int:
    """Products of one spectrum, at most.

    Args:
        spectrum: What is asked for.
        order: Of its matrix.
        formed: Whether that is formed, at a product for each row.

    Returns:
        A bound.
    """
    if spectrum is None:
        return 0
    if formed:
        return order
    products = 0
    if spectrum.extremes:
        products = max(LEAST_PRODUCTS, PRODUCTS_PER_VALUE * spectrum.top)
    if spectrum.density is not None:
        products += min(order, spectrum.density.steps) * spectrum.density.probes
    return products


def _classification(
    specification: Specification, parameters: int, *, dense: bool
) -> int:
    """A gradient, and what the relative residual takes."""
    if dense:
        return 1 + PRODUCT_COST * parameters
    if specification.spectrum is not None and isinstance(
        specification.finder, NoFinder
    ):
        return 1
    return 1 + PRODUCT_COST * 2 * min(4 * parameters, KRYLOV_LIMIT)


def _search(finder: Finder, parameters: int, *, dense: bool) -> int:
    """Of one run: at each iterate a gradient and its image, then the finder's step."""
    if isinstance(finder, NoFinder):
        return 0
    products, trials = _step(finder, parameters)
    if dense and not isinstance(finder, GradientNormFinder):
        products = {
            "exact": parameters,
            "krylov": products,
            "auto": max(parameters, products),
        }[finder.hessian]
    each = 1 + PRODUCT_COST * (1 + products) + trials
    return finder.max_iterations * each


def _step(
    finder: NewtonMrFinder
    | DampedNewtonFinder
    | GradientNormFinder
    | LevenbergMarquardtFinder,
    parameters: int,
) -> tuple[int, int]:
    """Products of one step without a formed Hessian, and gradients at trial points."""
    subspace = krylov_dimension(parameters, ITEM_BYTES)
    match finder:
        case NewtonMrFinder():
            solve = finder.max_krylov_iterations or krylov_iterations(parameters)
            # A step that is halved more often than the mantissa has bits is no step.
            bits = _MANTISSA_BITS / -math.log2(finder.backtracking_factor)
            return SOLVES_PER_STEP * solve, 1 + SEARCHES_PER_STEP * math.ceil(bits)
        case DampedNewtonFinder():
            fan = FAN_ROUNDS * SIGNS * len(finder.dampings)
            return subspace, fan + _MANTISSA_BITS
        case GradientNormFinder():
            return WOLFE_TRIALS, WOLFE_TRIALS
        case LevenbergMarquardtFinder():
            return subspace, REGULARISATIONS * GRADIENTS_PER_TRIAL
