"""Rates that all API processes count together, in the broker.

The generic cell rate algorithm: for each client, the broker keeps the moment at which
its bucket will be full again, a number that vanishes then. A script reads and moves it
in one step, by the broker's clock. Where the broker does not answer, every process
counts for itself.

References:
    ATM Forum, Traffic Management Specification 4.1, af-tm-0121.000 (1999), section
    4.4.2.
"""

import hashlib
from time import monotonic
from typing import Any, cast, final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.operations.rates import Allowance, Policy, RateLimiter

_CONNECTIONS = 16
_AWAY_S = 5.0
"""For this time a broker that did not answer is not asked."""
_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local early = full + interval - now - burst * interval
if early > 0 then
  return {math.ceil(early), math.floor(full - now)}
end
full = full + interval
redis.call('SET', KEYS[1], full, 'PX', math.ceil((full - now) / 1000))
return {0, math.floor(full - now)}
"""


@final
class Broker:
    """Runs the script, unless the broker has not answered a moment ago.

    Args:
        url: Redis or Valkey.
        answer_s: What a request waits for it at most.
    """

    def __init__(self, url: str, *, answer_s: float = 0.1) -> None:
        pool: BlockingConnectionPool = cast("Any", BlockingConnectionPool).from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=answer_s,
            socket_timeout=answer_s,
            socket_connect_timeout=answer_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._script = self._redis.register_script(_SCRIPT)
        self._asked_again_at = 0.0

    async def count(self, key: str, policy: Policy) -> tuple[float, float] | None:
        """Counts a request.

        Args:
            key: Of the client under this policy.
            policy: What it may send.

        Returns:
            Seconds after which it would be admitted and seconds after which the whole
            burst is there again; None if the broker does not answer.
        """
        if monotonic() < self._asked_again_at:
            return None
        try:
            answer = await self._script(
                keys=[key], args=[1e6 / policy.per_second, policy.burst]
            )
        except (RedisError, OSError):
            self._asked_again_at = monotonic() + _AWAY_S
            return None
        wait_us, full_us = cast("list[int]", answer)
        return wait_us / 1e6, full_us / 1e6

    async def close(self) -> None:
        """Gives the connections back."""
        await self._redis.aclose()


@final
class SharedRateLimiter:
    """Admits requests under one policy, whichever process they come to."""

    def __init__(self, policy: Policy, broker: Broker) -> None:
        self._policy = policy
        self._broker = broker
        self._alone = RateLimiter(policy)

    async def admit(self, client: str) -> Allowance:
        """Returns what is left after this request, or that it is refused.

        Args:
            client: What tells clients apart; only a digest of it is kept.
        """
        policy = self._policy
        digest = hashlib.blake2b(client.encode(), digest_size=16).hexdigest()
        counted = await self._broker.count(f"rate:{policy.name}:{digest}", policy)
        if counted is None:
            return self._alone.admit(client)
        retry_after_s, full_after_s = counted
        return Allowance(
            policy=policy,
            retry_after_s=retry_after_s,
            remaining=int(policy.burst - full_after_s * policy.per_second),
            full_after_s=full_after_s,
        )


@final
class Rates:
    """The policies of a deployment.

    Attributes:
        requests: All requests with a key.
        writes: Those that create, change or delete something.
    """

    def __init__(self, *, requests: Policy, writes: Policy, broker_url: str) -> None:
        self._broker = Broker(broker_url)
        self.requests = SharedRateLimiter(requests, self._broker)
        self.writes = SharedRateLimiter(writes, self._broker)

    async def close(self) -> None:
        """Gives the connections back."""
        await self._broker.close()
