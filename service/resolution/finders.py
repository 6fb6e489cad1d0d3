"""Whether a finder can be used on a problem of this size."""

from service.resolution.findings import ROOT, Findings
from service.schemas.account import Limits
from service.schemas.finders import Finder, GradientNormFinder, NoFinder


def check_finder(
    finder: Finder, *, parameters: int, limits: Limits, findings: Findings
) -> None:
    """Notes a Hessian that is to be formed and is too large for it.

    Args:
        finder: How is searched.
        parameters: The problem's number of parameters.
        limits: Bounds on one job.
        findings: Where it is noted.
    """
    if isinstance(finder, NoFinder | GradientNormFinder):
        return
    most = limits.dense_parameters
    if finder.hessian == "exact" and parameters > most:
        findings.add(
            ROOT / "finder" / "hessian",
            "hessian_too_large",
            f"Hessians are formed up to {most} parameters; there are {parameters}.",
        )
