"""Which problem each exception becomes."""

import logging
import re
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import (
    DisconnectionError,
    InterfaceError,
    OperationalError,
    TimeoutError as PoolTimeout,
)
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path

from service.errors import RequestInvalid, ServiceError, ServiceUnavailable
from service.problems.responses import problem_response, request_id
from service.problems.validation import field_errors

_log = logging.getLogger(__name__)

_DATABASE_AWAY = (OperationalError, InterfaceError, DisconnectionError, PoolTimeout)


def install(app: FastAPI) -> None:
    """Makes every error of an application a problem."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    for kind in _DATABASE_AWAY:
        app.add_exception_handler(kind, _database_away)
    app.add_exception_handler(OSError, _storage_away)


def _service_error(request: Request, error: Exception) -> Response:
    error = cast("ServiceError", error)
    headers = error.headers
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **headers}
    return problem_response(
        request.scope,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        headers=headers,
    )


def _invalid(request: Request, error: Exception) -> Response:
    error = cast("RequestValidationError", error)
    reports = cast("list[dict[str, Any]]", error.errors())
    errors = field_errors(reports, error.body)
    fields = "1 field is" if len(reports) == 1 else f"{len(reports)} fields are"
    return _service_error(
        request, RequestInvalid(f"{fields} not as documented", errors=errors)
    )


def _http_error(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return problem_response(
        request.scope,
        status=status,
        code=status.name.lower(),
        title=status.phrase,
        detail=status.description or status.phrase,
        headers=headers,
    )


def _methods(request: Request) -> list[str]:
    """What a path answers to: a router names only the first route of a path."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    path = request.scope["path"]
    templates = [it for it in paths if re.match(compile_path(it)[0], path)]
    template = path if path in paths else templates[0]
    return sorted(method.upper() for method in paths[template])


def _gone(request: Request, _: Exception) -> Response:
    return problem_response(
        request.scope,
        status=400,
        code="client_disconnected",
        title="The client went away",
        detail="The connection was closed before the body was complete",
    )


def _database_away(request: Request, error: Exception) -> Response:
    _log.warning("the database is away: %s", type(error).__name__)
    return _service_error(
        request,
        ServiceUnavailable("The database is away", headers={"Retry-After": "5"}),
    )


def _storage_away(request: Request, error: Exception) -> Response:
    _log.error("request %s: storage failed", request_id(request.scope), exc_info=error)
    return _service_error(
        request,
        ServiceUnavailable("The storage is away", headers={"Retry-After": "5"}),
    )
