"""From a request and the files it names to a job that can run, or to what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from service.resolution.defaults import with_defaults
from service.resolution.estimates.estimate import estimated
from service.resolution.files import FileSummary
from service.resolution.finders import check_finder
from service.resolution.findings import ROOT, Findings
from service.resolution.limits import check_limit, check_limits
from service.resolution.parameters import entries, parameter_count, parameter_shapes
from service.resolution.problems import check_problem
from service.resolution.spectra import check_spectrum, matrix_order
from service.resolution.starts import check_starts, start_count
from service.resolution.weights.matching import Matching
from service.resolution.weights.weights import match_weights
from service.schemas.account import Limits
from service.schemas.base import FileId
from service.schemas.jobs import Estimate, JobRequest
from service.schemas.problem_details import FieldError
from service.schemas.starts import ExplicitStarts, WeightsStarts


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What creating a job comes to.

    Attributes:
        resolved: The request with the parameter map, the number of starts and other
            defaults filled in; ``None`` if there are findings. Resolves to itself.
        findings: All that is wrong with it, most important first; empty if it can run.
        estimate: What it will need; ``None`` if that cannot be known.
        apart: Whether starts differ in more than parameters, as by the statistics of
            batch norms, and cannot share a shard.
    """

    resolved: JobRequest | None
    findings: list[FieldError]
    estimate: Estimate | None
    apart: bool = False


def resolve(
    request: JobRequest, files: Mapping[FileId, FileSummary], limits: Limits
) -> Resolution:
    """Checks a request against the files it names and the limits of this server.

    Args:
        request: The request, valid by its schema.
        files: Those of the files in ``file_ids(request.problem)`` that the tenant has.
        limits: Bounds on one job.

    Returns:
        The job that can run, or all that is wrong.
    """
    findings = Findings()
    problem = request.problem
    shapes = parameter_shapes(problem)
    parameters = parameter_count(shapes)
    matching = match_weights(
        problem, entries(problem), files, precision=request.precision, findings=findings
    )
    points = None if matching is None else matching.points
    outlook = check_problem(problem, files, parameters=parameters, findings=findings)
    check_starts(
        request.starts,
        problem,
        parameters=parameters,
        points=points,
        findings=findings,
    )
    check_finder(
        request.finder, parameters=parameters, limits=limits, findings=findings
    )
    check_spectrum(request.spectrum, problem, shapes, findings)
    order = matrix_order(request.spectrum, shapes)
    starts = start_count(request.starts, points)
    check_limit(
        ROOT / "time_limit_seconds",
        "seconds",
        request.time_limit_seconds,
        limits.time_limit_seconds,
        findings,
    )
    apart = isinstance(request.starts, WeightsStarts) and _differ(matching)
    estimate = None
    if outlook is not None and starts is not None:
        estimate = estimated(
            request,
            outlook,
            parameters=parameters,
            order=order,
            starts=starts,
            apart=apart,
            limits=limits,
        )
        explicit = isinstance(request.starts, ExplicitStarts)
        check_limits(
            estimate,
            starts_at=ROOT / "starts" / ("points" if explicit else "count"),
            limits=limits,
            findings=findings,
        )
    if findings.errors or starts is None or estimate is None:
        return Resolution(resolved=None, findings=findings.errors, estimate=estimate)
    resolved = with_defaults(
        request,
        matching=matching,
        starts=starts,
        parameters=parameters,
        order=order,
    )
    return Resolution(
        resolved=resolved,
        findings=[],
        estimate=estimate,
        apart=apart,
    )


def _differ(matching: Matching | None) -> bool:
    return matching is not None and matching.buffers and matching.points > 1
