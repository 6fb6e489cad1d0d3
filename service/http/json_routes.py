"""Routes that take JSON: bounded, parsed strictly, read for whoever has a key."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, final

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive
from typing_extensions import override

from service.dependencies import authenticate
from service.errors import BodyTooLarge, RequestTimedOut, ServiceError
from service.http import media_types, strict_json

MOST_BYTES = 256 * 1024
_MOST_SECONDS = 60.0


@final
class JsonRoute(APIRoute):
    """A route whose body is read for those with a key, and parsed strictly."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint behind the checks of its body."""
        answer = super().get_route_handler()
        if self.body_field is None:
            return answer

        async def checked(request: Request) -> Response:
            await authenticate(request)
            failure: ServiceError | None = None
            try:
                body = await _read(request)
            except ServiceError as error:
                # Without a body the endpoint still asks for scopes, then misses it.
                body, failure = b"", error
            try:
                return await answer(
                    Request(request.scope, _replay(body, request.receive))
                )
            except RequestValidationError:
                if failure is not None:
                    raise failure from None
                raise

        return checked


async def _read(request: Request) -> bytes:
    media_types.expect(request, "application/json")
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            body = await _received(request)
    except TimeoutError:
        raise RequestTimedOut(
            f"JSON bodies take {_MOST_SECONDS:g} seconds at most",
            headers={"Connection": "close"},
        ) from None
    await run_in_threadpool(strict_json.parse, body)
    return body


async def _received(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BodyTooLarge(f"JSON bodies have {MOST_BYTES} bytes at most")
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replayed() -> Message:
        nonlocal message
        if message is None:
            return await receive()
        first, message = message, None
        return first

    return replayed
