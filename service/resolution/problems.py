"""What a problem computes on, and whether its parts fit together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from service.resolution.data.samples import Samples
from service.resolution.data.sources import (
    builtin_samples,
    file_samples,
    gaussian_samples,
)
from service.resolution.data.targets import check_targets
from service.resolution.data.transforms import transformed
from service.resolution.files import FileSummary, named_file
from service.resolution.findings import ROOT, Findings
from service.resolution.shapes.flow import follow
from service.schemas.base import FileId
from service.schemas.datasets import (
    BuiltinDataset,
    Dataset,
    FileDataset,
    GaussianDataset,
)
from service.schemas.problems import (
    LinearAutoencoderProblem,
    NetworkProblem,
    PolynomialProblem,
    Problem,
)

_AT = ROOT / "problem"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a problem computes on.

    Attributes:
        samples: The data set, where there is one.
        kept: Numbers that a gradient's graph keeps of one sample.
        source: Numbers in the data set before it is transformed.
    """

    samples: Samples | None
    kept: int
    source: int = 0


def check_problem(
    problem: Problem,
    files: Mapping[FileId, FileSummary],
    *,
    parameters: int,
    findings: Findings,
) -> Outlook | None:
    """Notes what does not fit together.

    Args:
        problem: The problem.
        files: The tenant's files that it names.
        parameters: Its number of parameters.
        findings: Where it is noted.

    Returns:
        What it computes on, or ``None`` if that cannot be known.
    """
    match problem:
        case NetworkProblem():
            if parameters == 0:
                findings.add(
                    _AT / "architecture", "no_parameters", "No layer has parameters."
                )
            return _check_network(problem, files, findings)
        case LinearAutoencoderProblem(input_size=inputs, samples=count):
            samples = Samples(count=count, shape=(inputs,), autoencoder=True)
            # The loss needs only the second moments of the data.
            return Outlook(samples=samples, kept=0)
        case PolynomialProblem():
            for number, term in enumerate(problem.terms):
                if len(term.powers) != problem.variables:
                    findings.add(
                        _AT / "terms" / number / "powers",
                        "wrong_length",
                        f"{len(term.powers)} powers for {problem.variables} variables.",
                    )
            return Outlook(samples=None, kept=0)


def _check_network(
    problem: NetworkProblem, files: Mapping[FileId, FileSummary], findings: Findings
) -> Outlook | None:
    at = _AT / "dataset"
    source = _source(problem.dataset, files, findings)
    if source is None:
        return None
    samples = transformed(
        source, problem.dataset.transforms, at / "transforms", findings
    )
    if samples is None:
        return None
    flow = follow(
        problem.architecture,
        samples.shape,
        _AT / "architecture",
        findings,
        integers=samples.integers,
    )
    if flow is None:
        return None
    check_targets(problem.loss, samples, flow.output, _AT, findings)
    return Outlook(
        samples=samples,
        kept=flow.kept,
        source=source.count * math.prod(source.shape),
    )


def _source(
    dataset: Dataset, files: Mapping[FileId, FileSummary], findings: Findings
) -> Samples | None:
    at = _AT / "dataset"
    match dataset:
        case BuiltinDataset():
            return builtin_samples(dataset)
        case GaussianDataset():
            return gaussian_samples(dataset, at, findings)
        case FileDataset():
            file = named_file(
                dataset.file_id, "dataset", files, at / "file_id", findings
            )
            if file is None:
                return None
            return file_samples(dataset, file.tensors, at, findings)
