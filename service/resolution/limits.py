"""Whether a job is more than this server takes on."""

from service.resolution.findings import ROOT, Findings, Location
from service.schemas.account import Limits
from service.schemas.jobs import Estimate

TOO_MUCH = "too_much_work"


def check_limits(
    estimate: Estimate, *, starts_at: Location, limits: Limits, findings: Findings
) -> None:
    """Notes every figure of an estimate that exceeds its limit.

    Args:
        estimate: What the job will need.
        starts_at: Where the number of starts stands in the request.
        limits: Bounds on one job.
        findings: Where it is noted.
    """
    problem = ROOT / "problem"
    check_limit(problem, "parameters", estimate.parameters, limits.parameters, findings)
    check_limit(starts_at, "starts", estimate.starts, limits.starts, findings)
    if estimate.samples is not None:
        check_limit(problem, "samples", estimate.samples, limits.samples, findings)
    check_limit(
        ROOT / "finder",
        "gradient evaluations",
        estimate.gradient_evaluations,
        limits.gradient_evaluations,
        findings,
    )
    memory, most = estimate.memory_bytes, limits.memory_bytes
    check_limit(problem, "bytes of memory", memory, most, findings)


def check_limit(
    at: Location, what: str, figure: int, limit: int, findings: Findings
) -> None:
    """Notes a figure that exceeds its limit."""
    if figure > limit:
        findings.add(at, TOO_MUCH, f"{figure} {what}; the limit is {limit}.")
