"""Reports of jobs that nobody has computed."""

from collections.abc import Sequence
from datetime import datetime

from service.schemas.environment import Environment
from service.schemas.reports import (
    Artifact,
    Counts,
    Fractions,
    Label,
    Point,
    ProblemSummary,
    Report,
    ResidualEcdf,
    Summary,
)
from service.schemas.specifications import Specification


def point_of(start: int, label: Label) -> Point:
    """A point of which only the label is known."""
    return Point(
        start=start,
        label=label,
        kind=None,
        ever_gradient_flat=False,
        loss=None,
        squared_gradient_norm=None,
        relative_residual=None,
        relative_residual_max=None,
        relative_residual_max_iteration=None,
        relative_residual_krylov=None,
        relative_cokernel_residual=None,
        gradient_rayleigh_quotient=None,
        relative_gradient_image=None,
        gradient_kernel_fraction=None,
        gradient_kernel_method=None,
        index=None,
        frobenius_norm=None,
        stop_reason="converged",
        iterations=1,
        gradient_evaluations=1,
        hessian_vector_products=1,
        analytic_match=None,
        spectrum=None,
        notes=[],
    )


def report_of(
    job_id: str,
    specification: Specification,
    points: Sequence[Point],
    *,
    artifacts: Sequence[Artifact] = (),
    environment: Environment,
    at: datetime,
) -> Report:
    """A report of these points, which took no time."""
    labels = [point.label for point in points]
    return Report(
        schema_version="1.0",
        job_id=job_id,
        outcome="critical_points_found",
        counts=Counts(
            critical=labels.count("critical"),
            gradient_flat=labels.count("gradient_flat"),
            unconverged=labels.count("unconverged"),
            unclassified=0,
            failed=0,
            ever_gradient_flat=0,
        ),
        fractions=Fractions(
            critical=None, gradient_flat=None, unconverged=None, ever_gradient_flat=None
        ),
        problem=ProblemSummary(
            parameters=2,
            samples=None,
            smooth=True,
            gradient_norm_floor=0.0,
            warnings=[],
        ),
        search=None,
        points=list(points),
        summary=Summary(
            loss_index=[],
            relative_residual_ecdf=ResidualEcdf(final=[], max=[]),
            cutoffs=[],
        ),
        artifacts=list(artifacts),
        seed=specification.seed,
        specification=specification,
        environment=environment,
        started_at=at,
        finished_at=at,
        seconds=0.0,
    )
