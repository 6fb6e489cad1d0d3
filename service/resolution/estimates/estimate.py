"""What a job will need, before it runs."""

from service.resolution.estimates.memory import memory_bytes
from service.resolution.estimates.work import gradient_evaluations, spectrum_products
from service.resolution.problems import Outlook
from service.schemas.account import Limits
from service.schemas.jobs import Estimate
from service.schemas.specifications import Specification

_LARGEST = 2**53 - 1


def estimated(
    specification: Specification,
    outlook: Outlook,
    *,
    parameters: int,
    order: int,
    starts: int,
    apart: bool,
    limits: Limits,
) -> Estimate:
    """The estimate.

    Args:
        specification: The job.
        outlook: What its problem computes on.
        parameters: Number of parameters.
        order: Of the matrix whose spectrum is asked for, 0 for none.
        starts: Number of starts.
        apart: Whether each is computed by itself.
        limits: Bounds on one job.

    Returns:
        Figures that every JSON reader can hold, cut there.
    """
    samples = outlook.samples
    memory = memory_bytes(
        specification,
        outlook,
        parameters=parameters,
        order=order,
        starts=1 if apart else starts,
        dense_limit=limits.dense_parameters,
        budget=limits.memory_budget_bytes,
        limit=limits.memory_bytes,
    )
    work = gradient_evaluations(
        specification,
        parameters=parameters,
        order=order,
        starts=starts,
        dense_limit=limits.dense_parameters,
    )
    products = starts * spectrum_products(
        specification.spectrum, order=order, formed=order <= limits.dense_parameters
    )
    return Estimate(
        parameters=min(parameters, _LARGEST),
        samples=None if samples is None else samples.count,
        starts=starts,
        memory_bytes=min(memory, _LARGEST),
        gradient_evaluations=min(work, _LARGEST),
        products_at_most=min(products, _LARGEST),
    )
