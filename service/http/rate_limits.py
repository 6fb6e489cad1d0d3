"""Header fields that tell a client what it may still send.

As draft-ietf-httpapi-ratelimit-headers-10 has them: ``RateLimit-Policy`` with the quota
`q` of a window of `w` seconds, ``RateLimit`` with the remaining `r` and the seconds `t`
until the quota is whole again.
"""

import math
from typing import final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.operations.rates import Allowance


@final
class RateLimitHeaders:
    """Adds the fields to the answers of requests that have an allowance."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the fields."""

        async def limited(message: Message) -> None:
            allowance = scope.get("state", {}).get("allowance")
            if message["type"] == "http.response.start" and allowance is not None:
                MutableHeaders(scope=message).update(_fields(allowance))
            await send(message)

        await self._app(scope, receive, limited)


def _fields(allowance: Allowance) -> dict[str, str]:
    policy = allowance.policy
    window_s = math.ceil(policy.burst / policy.per_second)
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.burst};w={window_s}',
        "RateLimit": f'"{policy.name}";r={allowance.remaining}'
        f";t={math.ceil(allowance.full_after_s)}",
    }
