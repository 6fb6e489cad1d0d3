"""Polls of a job's status at a steady rate, from several connections."""

import asyncio
import time
from dataclasses import dataclass
from typing import final

from benchmarks.service.deployment import Deployment, cpu_s
from benchmarks.service.http import Connection

_CONNECTIONS = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Polls:
    """What polling met.

    Attributes:
        latencies_ms: From the moment at which each poll was due to its answer.
        cpu_ms: Processor time of the API for each poll.
    """

    latencies_ms: list[float]
    cpu_ms: float


async def poll(
    deployment: Deployment,
    path: str,
    *,
    rate: float,
    seconds: float,
    conditional: bool,
) -> Polls:
    """Asks again and again, when each question is due, however long answers take.

    Args:
        deployment: What is asked.
        path: What is asked for.
        rate: Polls a second, over all connections.
        seconds: How long.
        conditional: Whether the client names the version that it has, and gets 304.

    Returns:
        What it met.
    """
    api = deployment.api()
    used = cpu_s(api)
    interval = _CONNECTIONS / rate
    count = round(seconds / interval)
    began = time.perf_counter() + 0.1
    each = await asyncio.gather(
        *(
            _client(
                deployment,
                path,
                conditional=conditional,
                due=[
                    began + (number / _CONNECTIONS + turn) * interval
                    for turn in range(count)
                ],
            )
            for number in range(_CONNECTIONS)
        )
    )
    polls = [latency for latencies in each for latency in latencies]
    return Polls(latencies_ms=polls, cpu_ms=1e3 * (cpu_s(api) - used) / len(polls))


async def _client(
    deployment: Deployment, path: str, *, conditional: bool, due: list[float]
) -> list[float]:
    latencies: list[float] = []
    async with Connection(deployment) as connection:
        tag = (await connection.get(path)).headers["etag"]
        condition = {"If_None_Match": tag} if conditional else {}
        for moment in due:
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            answer = await connection.get(path, **condition)
            latencies.append(1e3 * (time.perf_counter() - moment))
            if answer.status != (304 if conditional else 200):
                raise RuntimeError(f"a poll was answered {answer.status}")
    return latencies
