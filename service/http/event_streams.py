"""Server-sent events, as the HTML standard defines them (section 9.2)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Header
from starlette.responses import StreamingResponse

from service.schemas.events import Event

MEDIA_TYPE = "text/event-stream"

LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=r"^\d{1,15}$",
        description="Sequence number of the last event that came; wins over `after`.",
    ),
]

DOCUMENTATION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events as they happen, to the last",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_PREAMBLE = b"retry: 2000\n\n"
_SIGN_OF_LIFE = b":\n\n"


def event_stream(batches: AsyncGenerator[list[Event]]) -> StreamingResponse:
    """An answer that sends each batch when it comes; an empty one as a comment."""
    return StreamingResponse(_encoded(batches), headers=_HEADERS, media_type=MEDIA_TYPE)


async def _encoded(batches: AsyncGenerator[list[Event]]) -> AsyncGenerator[bytes]:
    async with aclosing(batches):
        yield _PREAMBLE
        async for batch in batches:
            yield b"".join(map(_message, batch)) or _SIGN_OF_LIFE


def _message(event: Event) -> bytes:
    head = f"id: {event.sequence}\nevent: {event.type}\n"
    return f"{head}data: {event.model_dump_json()}\n\n".encode()
