"""Unforeseen exceptions: logged with the request's id, answered without detail."""

import logging
from typing import final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems.responses import problem_response, request_id

_log = logging.getLogger(__name__)


@final
class Failures:
    """Turns an exception that nobody handled into a problem with status 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 500 when the application raises before it has begun to answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            _log.exception("request %s failed", request_id(scope))
            if begun:
                raise
            response = problem_response(
                scope,
                status=500,
                code="internal_error",
                title="Internal error",
                detail="The server failed; its log has more under the request id",
            )
            await response(scope, receive, send)
