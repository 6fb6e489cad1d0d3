"""Raw bodies: bytes as they are, of a known type, within a limit."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from service.errors import FileTooLarge, LengthRequired
from service.http import media_types

MEDIA_TYPE = "application/octet-stream"

DOCUMENTATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def expected(request: Request) -> None:
    """Refuses what is no raw body: of another type, compressed, or none at all.

    Raises:
        LengthRequired: If there is no body at all.
    """
    media_types.expect(request, MEDIA_TYPE, undeclared=MEDIA_TYPE)
    if not {"content-length", "transfer-encoding"} & set(request.headers):
        raise LengthRequired("Send Content-Length, or the body in chunks")


def chunks(request: Request, *, limit: int) -> AsyncIterator[bytes]:
    """Returns the body as it comes.

    Raises:
        FileTooLarge: If its declared length exceeds the limit; nothing is read then.
    """
    if length(request) > limit:
        raise FileTooLarge(f"Files have {limit} bytes at most")
    return request.stream()


def length(request: Request) -> int:
    """Returns the declared length of the body; 0 if there is none."""
    declared = request.headers.get("content-length", "")
    return int(declared[:20]) if declared.isdecimal() else 0
