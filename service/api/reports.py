"""Reports: the answer to a job, its points, and files that belong to it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from service.api.contents import artifact_answer, report_answer
from service.api.paging import Cursor, Limit
from service.dependencies import JobIdDep, JobReader, ResultsDep
from service.http.byte_ranges import IfRange, Range, requested
from service.http.entity_tags import UNCHANGED, IfNoneMatch, strong
from service.problems.documentation import problems
from service.schemas.reports import Label, PointPage, Report

router = APIRouter(prefix="/jobs/{job_id}", tags=["reports"], responses=problems())

ArtifactName = Annotated[str, Path(max_length=256)]
_BINARY = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole artifact", "content": _BINARY},
    206: {"description": "The range asked for", "content": _BINARY},
    **UNCHANGED,
    **problems(404, 410, 416),
}


@router.get(
    "/report",
    response_model=Report,
    responses={**UNCHANGED, **problems(404, 409, 410)},
)
def get_report(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    results: ResultsDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Returns the report of a job that has succeeded, or was cancelled with results."""
    report = results.report(principal.tenant, job_id)
    return report_answer(
        lambda: results.content(report), report, if_none_match=if_none_match
    )


@router.get("/points", responses=problems(404, 409, 410))
def list_points(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    results: ResultsDep,
    label: Label | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PointPage:
    """Returns a page of the report's points, in the order of their starts."""
    return results.points(
        principal.tenant, job_id, label=label, limit=limit, cursor=cursor
    )


@router.get("/artifacts/{name}", response_class=Response, responses=_CONTENT)
def download_artifact(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    name: ArtifactName,
    results: ResultsDep,
    if_none_match: IfNoneMatch = None,
    range_: Range = None,
    if_range: IfRange = None,
) -> Response:
    """Returns a file that belongs to the report, or a range of its bytes.

    `points.safetensors` holds the parameters of all points, with a leading dimension of
    starts. `traces.safetensors` holds the histories of all runs, (starts, iterations +
    1) each, NaN after a run's end: `loss`, `squared_gradient_norm`,
    `relative_residual` and `relative_residual_krylov` (NaN with `gradient_norm`),
    `step_size` of the step taken from there, and the cumulative counts
    `gradient_evaluations` and `hessian_vector_products`. `dataset.safetensors` holds
    `x` and `y` as the loss saw them, where the job asks for it.
    """
    key, artifact = results.artifact(principal.tenant, job_id, name)
    return artifact_answer(
        lambda start, end: results.read(key, start, end),
        artifact,
        if_none_match=if_none_match,
        wanted=requested(range_, artifact.bytes, if_range, strong(artifact.sha256)),
    )
