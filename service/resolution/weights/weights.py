"""The uploaded weights of a problem, matched with its parameters."""

from collections.abc import Mapping, Sequence
from typing import Literal

from service.resolution.files import FileSummary, named_file
from service.resolution.findings import ROOT, Findings, Location
from service.resolution.parameters import Entry
from service.resolution.weights.matching import Matching, match
from service.resolution.weights.uploads import Upload, parts
from service.schemas.base import FileId
from service.schemas.files import TensorSummary
from service.schemas.problems import PolynomialProblem, Problem

_AT = ROOT / "problem"
_LARGEST_FLOAT32 = 3.4028234663852886e38


def match_weights(
    problem: Problem,
    entries: Sequence[Entry],
    files: Mapping[FileId, FileSummary],
    *,
    precision: Literal["float64", "float32"],
    findings: Findings,
) -> Matching | None:
    """Finds the uploaded tensor of every parameter, and looks at its values.

    Args:
        problem: The problem.
        entries: Its tensors, in order.
        files: The tenant's files that it names.
        precision: What the job computes in.
        findings: Where what does not fit is noted.

    Returns:
        The matching, or ``None`` if there are no weights or they do not fit.
    """
    if isinstance(problem, PolynomialProblem):
        return None
    if problem.weights_file_id is None:
        if problem.parameter_map is not None:
            findings.add(
                _AT / "parameter_map",
                "weights_needed",
                "There is a parameter map but no weights_file_id.",
            )
        return None
    at = _AT / "weights_file_id"
    file = named_file(problem.weights_file_id, "weights", files, at, findings)
    if file is None:
        return None
    upload = Upload(
        tensors={tensor.name: tensor for tensor in file.tensors},
        parameter_map=problem.parameter_map,
        stacked=problem.stacked,
    )
    matching = match(entries, upload, _AT, findings)
    if matching is None:
        return None
    for ours, source in matching.parameter_map.items():
        for name in parts(source):
            _check_values(ours, upload.tensors[name], at, precision, findings)
    return matching


def _check_values(
    ours: str,
    tensor: TensorSummary,
    at: Location,
    precision: Literal["float64", "float32"],
    findings: Findings,
) -> None:
    name = tensor.name
    if not tensor.finite:
        findings.add(
            at, "weights_not_finite", f"{name} holds values that are not finite."
        )
    elif ours.endswith("running_var") and (tensor.minimum or 0.0) < 0.0:
        findings.add(at, "variance_negative", f"{name} holds negative variances.")
    elif precision == "float32" and _magnitude(tensor) > _LARGEST_FLOAT32:
        findings.add(
            ROOT / "precision",
            "weights_too_large",
            f"{name} holds values beyond float32.",
        )


def _magnitude(tensor: TensorSummary) -> float:
    return max(abs(tensor.minimum or 0.0), abs(tensor.maximum or 0.0))
