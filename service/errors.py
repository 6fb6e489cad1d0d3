"""Errors a client can cause, each with its HTTP status and a stable code."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from service.schemas.problem_details import FieldError


class ServiceError(Exception):
    """Something the client asked for that cannot be done.

    Attributes:
        status: HTTP status.
        code: Stable name, meant for programs.
        title: The same for every error of this code.
        detail: What is wrong this time, without echoing input, paths or SQL.
        errors: The offending fields, where they are known.
        headers: Response headers that belong to it.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
