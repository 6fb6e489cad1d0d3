"""A request with everything written out that its files and its size decide."""

from service.resolution.estimates.work import krylov_iterations
from service.resolution.weights.matching import Matching
from service.schemas.finders import NewtonMrFinder
from service.schemas.jobs import JobRequest
from service.schemas.starts import WeightsStarts


def with_defaults(
    request: JobRequest,
    *,
    matching: Matching | None,
    starts: int,
    parameters: int,
    order: int,
) -> JobRequest:
    """The request, with what the client left open filled in.

    Args:
        request: The request, which can run.
        matching: Which uploaded tensor is which parameter, where there are weights.
        starts: Number of starts.
        parameters: Number of parameters.
        order: Of the matrix whose spectrum is asked for.

    Returns:
        A request that resolves to itself.
    """
    changes: dict[str, object] = {}
    if matching is not None:
        changes["problem"] = request.problem.model_copy(
            update={"parameter_map": matching.parameter_map}
        )
    if isinstance(request.starts, WeightsStarts):
        changes["starts"] = request.starts.model_copy(update={"count": starts})
    finder = request.finder
    if isinstance(finder, NewtonMrFinder) and finder.max_krylov_iterations is None:
        changes["finder"] = finder.model_copy(
            update={"max_krylov_iterations": krylov_iterations(parameters)}
        )
    if request.spectrum is not None:
        changes["spectrum"] = request.spectrum.model_copy(
            update={"top": min(request.spectrum.top, order)}
        )
    return request.model_copy(update=changes)
