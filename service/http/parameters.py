"""Query parameters: those that are documented, once each, and no others."""

from collections import Counter
from typing import Any

from starlette.requests import Request

from service.errors import RequestInvalid
from service.schemas.problem_details import FieldError

_MOST_NAME_CHARACTERS = 100
_MOST_ERRORS = 50


async def known_parameters(request: Request) -> None:
    """Refuses what would otherwise be ignored: a misspelt filter, or the first of two.

    Raises:
        RequestInvalid: If a query parameter is not documented, or is repeated.
    """
    if not request.query_params:
        return
    known = _documented(request.app.openapi(), request.scope["route"].name)
    given = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        _error(name, "extra_forbidden", "There is no such parameter")
        for name in given
        if name not in known
    ]
    errors += [
        _error(name, "repeated", "The parameter is given more than once")
        for name, times in given.items()
        if name in known and times > 1
    ]
    if errors:
        raise RequestInvalid(
            "A parameter is not known, or is repeated", errors=errors[:_MOST_ERRORS]
        )


def _error(name: str, code: str, detail: str) -> FieldError:
    pointer = f"query/{name[:_MOST_NAME_CHARACTERS]}"
    return FieldError(pointer=pointer, code=code, detail=detail)


def _documented(document: dict[str, Any], operation_id: str) -> set[str]:
    return {
        parameter["name"]
        for path in document["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
