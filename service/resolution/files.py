"""Files as a request sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from service.resolution.findings import Findings, Location
from service.schemas.base import FileId
from service.schemas.datasets import FileDataset
from service.schemas.files import Purpose, TensorSummary
from service.schemas.problems import NetworkProblem, PolynomialProblem, Problem


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """What an uploaded file is for, and what is in it."""

    purpose: Purpose
    tensors: list[TensorSummary]


def file_ids(problem: Problem) -> list[FileId]:
    """The files that a problem names, each once: weights first, then data."""
    named: list[FileId | None] = []
    if not isinstance(problem, PolynomialProblem):
        named.append(problem.weights_file_id)
    if isinstance(problem, NetworkProblem) and isinstance(problem.dataset, FileDataset):
        named.append(problem.dataset.file_id)
    return list(dict.fromkeys(id_ for id_ in named if id_ is not None))


def named_file(
    file_id: FileId,
    purpose: Purpose,
    files: Mapping[FileId, FileSummary],
    at: Location,
    findings: Findings,
) -> FileSummary | None:
    """A file that the problem names, if it is there and meant for this.

    Args:
        file_id: The file.
        purpose: What it must be for.
        files: Those that the tenant has.
        at: Where it is named in the request.
        findings: Where it is noted otherwise.

    Returns:
        The file, or ``None``.
    """
    file = files.get(file_id)
    if file is None:
        findings.add(at, "file_not_found", "There is no such file.")
        return None
    if file.purpose != purpose:
        findings.add(at, "wrong_purpose", f"The file was uploaded as {file.purpose}.")
        return None
    return file
