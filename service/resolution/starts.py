"""How many starts there are, and whether they fit the problem."""

from typing import assert_never

from service.resolution.findings import ROOT, Findings, Location
from service.schemas.problems import PolynomialProblem, Problem
from service.schemas.starts import (
    BoxStarts,
    ExplicitStarts,
    RandomStarts,
    Starts,
    TrajectoryStarts,
    WeightsStarts,
)

_AT = ROOT / "starts"


def start_count(starts: Starts, points: int | None) -> int | None:
    """Number of starts.

    Args:
        starts: Where the searches begin.
        points: Number of uploaded points, where they are known.

    Returns:
        The number, or ``None`` if it depends on points that are not known.
    """
    match starts:
        case WeightsStarts():
            return points if starts.count is None else starts.count
        case ExplicitStarts():
            return len(starts.points)
        case RandomStarts() | TrajectoryStarts() | BoxStarts():
            return starts.count


def check_starts(
    starts: Starts,
    problem: Problem,
    *,
    parameters: int,
    points: int | None,
    findings: Findings,
) -> None:
    """Notes starts that do not fit.

    Args:
        starts: Where the searches begin.
        problem: What is searched.
        parameters: Its number of parameters.
        points: Number of uploaded points, where they are known.
        findings: Where it is noted.
    """
    match starts:
        case ExplicitStarts():
            for number, point in enumerate(starts.points):
                _check_length(len(point), parameters, _AT / "points" / number, findings)
        case BoxStarts():
            _check_box(starts, parameters, findings)
        case WeightsStarts() | RandomStarts() | TrajectoryStarts():
            if isinstance(problem, PolynomialProblem):
                findings.add(
                    _AT / "kind",
                    "starts_do_not_fit_problem",
                    "The starts of a polynomial are explicit or a box.",
                )
            elif isinstance(starts, WeightsStarts):
                _check_weights(starts, problem.weights_file_id, points, findings)
            elif isinstance(starts, TrajectoryStarts) and (points or 1) > 1:
                findings.add(
                    _AT / "kind",
                    "starts_do_not_fit_weights",
                    "A trajectory begins at one point; the file holds several.",
                )
        case _:
            assert_never(starts)


def _check_weights(
    starts: WeightsStarts, file_id: str | None, points: int | None, findings: Findings
) -> None:
    if file_id is None:
        findings.add(
            ROOT / "problem" / "weights_file_id",
            "weights_needed",
            "The starts are uploaded weights: name their file.",
        )
    repeated = points is not None and starts.count is not None and starts.count > points
    if repeated and starts.noise_variance == 0.0:
        findings.add(
            _AT / "count",
            "starts_repeat",
            f"Without noise the starts repeat after {points}.",
        )


def _check_box(starts: BoxStarts, parameters: int, findings: Findings) -> None:
    _check_length(len(starts.low), parameters, _AT / "low", findings)
    _check_length(len(starts.high), parameters, _AT / "high", findings)
    for number, (low, high) in enumerate(zip(starts.low, starts.high, strict=False)):
        if low > high:
            findings.add(_AT / "low" / number, "box_empty", "It exceeds its high.")


def _check_length(
    length: int, parameters: int, at: Location, findings: Findings
) -> None:
    if length != parameters:
        findings.add(
            at, "wrong_length", f"{length} numbers for {parameters} parameters."
        )
