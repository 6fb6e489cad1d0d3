"""Problems in the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.problems.responses import PROBLEM_MEDIA_TYPE
from service.schemas.problem_details import ProblemDetails

_SCHEMAS = "#/components/schemas/"
_EVERYWHERE = {400, 422, 500, 503}
_WITH_KEY = {401, 403, 429}


def problems(
    *statuses: int, authenticated: bool = True
) -> dict[int | str, dict[str, Any]]:
    """Responses of an operation, on top of those that every operation can give."""
    every = {*_EVERYWHERE, *(_WITH_KEY if authenticated else ())}
    schema = {"$ref": f"{_SCHEMAS}{ProblemDetails.__name__}"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted(every.union(statuses))
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, with the schema of its problems."""
    if app.openapi_schema is None:
        contents = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        _, definitions = models_json_schema(
            [(ProblemDetails, "serialization")], ref_template=_SCHEMAS + "{model}"
        )
        schemas = contents["components"]["schemas"]
        schemas |= definitions["$defs"]
        _drop_object_defaults(schemas)
        app.openapi_schema = contents
    return app.openapi_schema


def _drop_object_defaults(schemas: dict[str, Any]) -> None:
    """Client generators refuse defaults that are objects."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if isinstance(field.get("default"), dict):
                del field["default"]
