"""Errors as told to clients (RFC 9457)."""

from service.schemas.base import Schema


class FieldError(Schema):
    """What is wrong with one field; its value is not repeated."""

    pointer: str
    """JSON pointer into the body, or `query/NAME`, `path/NAME`, `header/NAME`."""
    code: str
    detail: str


class ProblemDetails(Schema):
    """An error; `code` is stable and meant for programs."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError]
