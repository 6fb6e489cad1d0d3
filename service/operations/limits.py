"""The bounds of this deployment, as clients see them."""

from service.operations.rates import Policy
from service.operations.shared_rates import Rates
from service.schemas.account import Limits
from service.settings import Settings


def limits(settings: Settings) -> Limits:
    """Bounds on one job and on one file."""
    return Limits(
        upload_bytes=settings.upload_limit_bytes,
        parameters=settings.parameter_limit,
        dense_parameters=settings.dense_limit,
        samples=settings.sample_limit,
        starts=settings.start_limit,
        gradient_evaluations=settings.gradient_evaluation_limit,
        memory_bytes=settings.memory_limit_bytes,
        memory_budget_bytes=settings.memory_budget_bytes,
        time_limit_seconds=settings.time_limit_seconds,
    )


def rates(settings: Settings) -> Rates:
    """Bounds on what one key sends."""
    return Rates(
        requests=Policy(
            name="requests",
            per_second=settings.requests_per_second,
            burst=settings.requests_burst,
        ),
        writes=Policy(
            name="writes",
            per_second=settings.writes_per_second,
            burst=settings.writes_burst,
        ),
        broker_url=settings.broker_url,
    )
