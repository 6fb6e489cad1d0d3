"""One job's events, streamed to many clients at once."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import final

from benchmarks.service.deployment import Deployment, cpu_s
from benchmarks.service.http import Connection

_GRACE_S = 30.0


@final
@dataclass(slots=True)
class FanOut:
    """What the clients of one stream met.

    Attributes:
        delays_ms: From each event's moment to its arrival, over all clients.
        whole: Clients that got every event once and in order, to the last.
        events: Events of the job.
        cpu_s: Processor time of the API.
    """

    delays_ms: list[float] = field(default_factory=list[float])
    whole: int = 0
    events: int = 0
    cpu_s: float = 0.0


async def follow(
    deployment: Deployment, job_id: str, *, clients: int, seconds: float
) -> FanOut:
    """Follows a running job with many clients, then cancels it and sees them off."""
    api = deployment.api()
    found = FanOut()
    path = f"/v1/jobs/{job_id}"
    used = cpu_s(api)
    followers = [
        asyncio.create_task(_follow(deployment, f"{path}/events/stream", found))
        for _ in range(clients)
    ]
    await asyncio.sleep(seconds)
    async with Connection(deployment) as connection:
        await connection.post(f"{path}/cancel")
    histories = await asyncio.wait_for(asyncio.gather(*followers), _GRACE_S)
    async with Connection(deployment) as connection:
        page = await connection.get(f"{path}/events?limit=1000")
    found.cpu_s = cpu_s(api) - used
    expected = [event["sequence"] for event in page.json()["items"]]
    found.events = len(expected)
    found.whole = sum(history == expected for history in histories)
    return found


async def _follow(deployment: Deployment, path: str, found: FanOut) -> list[int]:
    began = time.time()
    sequences: list[int] = []
    async with Connection(deployment) as connection:
        async for event in connection.events(path):
            sequences.append(event["sequence"])
            happened = datetime.fromisoformat(event["at"]).timestamp()
            if happened > began:
                found.delays_ms.append(1e3 * (time.time() - happened))
    return sequences
