"""Query parameters: those that are documented, and no others."""

from typing import Any

from starlette.requests import Request

from service.errors import RequestInvalid
from service.schemas.problem_details import FieldError

_MOST_NAME_CHARACTERS = 100


async def known_parameters(request: Request) -> None:
    """Refuses what would otherwise be ignored, such as a misspelt filter.

    Raises:
        RequestInvalid: If a query parameter is not documented.
    """
    if not request.query_params:
        return
    known = _documented(request.app.openapi(), request.scope["route"].name)
    unknown = [
        FieldError(
            pointer=f"query/{name[:_MOST_NAME_CHARACTERS]}",
            code="extra_forbidden",
            detail="There is no such parameter",
        )
        for name in request.query_params
        if name not in known
    ]
    if unknown:
        raise RequestInvalid("A parameter is not known", errors=unknown[:50])


def _documented(document: dict[str, Any], operation_id: str) -> set[str]:
    return {
        parameter["name"]
        for path in document["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
