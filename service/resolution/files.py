"""Files as a request sees them."""

from dataclasses import dataclass
from typing import final

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
