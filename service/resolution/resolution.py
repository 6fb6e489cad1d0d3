"""From a request and the files it names to a job that can run, or to what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from service.resolution.files import FileSummary
from service.schemas.account import Limits
from service.schemas.base import FileId
from service.schemas.jobs import Estimate, JobRequest
from service.schemas.problem_details import FieldError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What creating a job comes to.

    Attributes:
        resolved: The request with the parameter map, the number of starts and other
            defaults filled in; ``None`` if there are findings. Resolves to itself.
        findings: All that is wrong with it, most important first; empty if it can run.
        estimate: What it will need; ``None`` if that cannot be known.
    """

    resolved: JobRequest | None
    findings: list[FieldError]
    estimate: Estimate | None


def resolve(
    request: JobRequest, files: Mapping[FileId, FileSummary], limits: Limits
) -> Resolution:
    """Checks a request against the files it names and the limits of this server.

    Args:
        request: The request, valid by its schema.
        files: Those of the files in ``file_ids(request.problem)`` that the tenant has.
        limits: Bounds on one job.
    """
    raise NotImplementedError
