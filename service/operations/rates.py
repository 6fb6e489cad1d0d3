"""Rates of requests: a bucket of tokens for each client, refilled steadily.

A request takes a token; without one it is refused. So a client may send `burst`
requests at once and `per_second` for ever. Buckets are this process's own.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import final

MOST_CLIENTS = 10_000
"""The bucket that has been idle longest goes first, and is full or nearly so."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a client may send."""

    name: str
    per_second: float
    burst: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a client may still send."""

    policy: Policy
    retry_after_s: float
    """Time after which a refused request would be admitted; 0 if it is not refused."""
    remaining: int
    full_after_s: float
    """Time after which the whole burst is there again."""


@final
@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@final
class RateLimiter:
    """Admits requests under one policy."""

    def __init__(self, policy: Policy, clock: Callable[[], float] = monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def admit(self, client: str) -> Allowance:
        """Returns what is left after this request, or that it is refused.

        Args:
            client: What tells clients apart; only a digest of it is kept.
        """
        policy, now = self._policy, self._clock()
        bucket = self._bucket(client, now)
        refilled = bucket.tokens + (now - bucket.at) * policy.per_second
        bucket.tokens, bucket.at = min(policy.burst, refilled), now
        short = max(0.0, 1 - bucket.tokens)
        if not short:
            bucket.tokens -= 1
        return Allowance(
            policy=policy,
            retry_after_s=short / policy.per_second,
            remaining=int(bucket.tokens),
            full_after_s=(policy.burst - bucket.tokens) / policy.per_second,
        )

    def _bucket(self, client: str, now: float) -> _Bucket:
        digest = hashlib.blake2b(client.encode(), digest_size=16).digest()
        bucket = self._buckets.pop(digest, None)
        if bucket is None:
            bucket = _Bucket(tokens=self._policy.burst, at=now)
            if len(self._buckets) >= MOST_CLIENTS:
                self._buckets.popitem(last=False)
        self._buckets[digest] = bucket
        return bucket
