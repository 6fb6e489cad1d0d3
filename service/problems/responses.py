"""The problem response, made from a scope alone so that middlewares can send it."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Scope

from service.schemas.problem_details import FieldError, ProblemDetails

PROBLEM_MEDIA_TYPE = "application/problem+json"


def request_id(scope: Scope) -> str:
    """The id that the request carries, or was given."""
    return str(scope.get("state", {}).get("request_id", ""))


def problem_response(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response that says what is wrong, without repeating what was sent."""
    problem = ProblemDetails(
        type=f"urn:gradflat:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        instance=quote(str(scope["path"]))[:2000],
        code=code,
        request_id=request_id(scope),
        errors=list(errors),
    )
    return Response(
        problem.model_dump_json(),
        status_code=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=PROBLEM_MEDIA_TYPE,
    )
