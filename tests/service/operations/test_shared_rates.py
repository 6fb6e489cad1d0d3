"""Limiters of several processes, on one real broker."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from service.operations.rates import Policy
from service.operations.shared_rates import Broker, SharedRateLimiter
from tests.support.servers.valkey import ValkeyServer, valkey_server
from tests.support.servers.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.anyio]
POLICY = Policy(name="requests", per_second=0.01, burst=5)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with valkey_server(tmp_path) as server:
        yield server


@asynccontextmanager
async def limiter(
    server: ValkeyServer, policy: Policy = POLICY, *, answer_s: float = 20.0
) -> AsyncGenerator[SharedRateLimiter]:
    broker = Broker(server.url, answer_s=answer_s)
    yield SharedRateLimiter(policy, broker)
    await broker.close()


async def test_processes_count_together(server: ValkeyServer) -> None:
    async with limiter(server) as one, limiter(server) as other:
        turns = [one, other, other, one, other]
        assert [(await it.admit("a")).remaining for it in turns] == [4, 3, 2, 1, 0]
        for each in (one, other):
            refused = await each.admit("a")
            assert 90 < refused.retry_after_s <= 100
            assert 490 < refused.full_after_s <= 500
            assert refused.remaining == 0
        assert (await other.admit("b")).remaining == 4


async def test_policies_do_not_share(server: ValkeyServer) -> None:
    writes = Policy(name="writes", per_second=0.01, burst=1)
    async with limiter(server) as requests, limiter(server, writes) as writing:
        assert not (await writing.admit("a")).retry_after_s
        assert (await writing.admit("a")).retry_after_s
        assert (await requests.admit("a")).remaining == 4


async def test_waiting_as_long_as_told_is_enough(server: ValkeyServer) -> None:
    async with limiter(server, Policy(name="writes", per_second=2, burst=1)) as alone:
        assert not (await alone.admit("a")).retry_after_s
        refused = await alone.admit("a")
        await asyncio.sleep(refused.retry_after_s)
        assert not (await alone.admit("a")).retry_after_s


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL])
async def test_without_the_broker_each_counts_for_itself(
    server: ValkeyServer, blow: signal.Signals
) -> None:
    async with (
        limiter(server, answer_s=0.2) as one,
        limiter(server, answer_s=0.2) as other,
    ):
        assert not (await one.admit("a")).retry_after_s
        assert server.process
        os.kill(server.process.pid, blow)
        for each in (one, other):
            left = [(await each.admit("b")).remaining for _ in range(5)]
            assert left == [4, 3, 2, 1, 0]
            assert (await each.admit("b")).retry_after_s


async def test_full_buckets_leave_nothing_behind(server: ValkeyServer) -> None:
    async with limiter(server, Policy(name="a", per_second=1e6, burst=1)) as alone:
        for client in range(50):
            await alone.admit(str(client))
    with redis.Redis(port=server.port) as client:
        until(lambda: not client.keys("*"), what="an empty broker")
