"""From POST to a running job, with a warm runner."""

import time

from benchmarks.results import Row
from benchmarks.service.deployment import Deployment
from benchmarks.service.http import Connection
from benchmarks.service.jobs import SHORT


async def start_times(deployment: Deployment, *, jobs: int) -> list[Row]:
    """How long each of some jobs took, seen by its client, one after the other."""
    rows: list[Row] = []
    for _ in range(jobs):
        deployment.until_warm()
        async with Connection(deployment) as connection:
            rows.append(await _start(connection))
    return rows


async def _start(connection: Connection) -> Row:
    began = time.perf_counter()
    answer = await connection.post("/v1/jobs", SHORT)
    accepted = time.perf_counter()
    job = answer.json()
    running = None
    while job["finished_at"] is None:
        job = (await connection.get(job["urls"]["self"])).json()
        if running is None and job["state"] != "queued":
            running = time.perf_counter()
    ended = time.perf_counter()
    return {
        "accepted_ms": 1e3 * (accepted - began),
        "running_ms": 1e3 * ((running or ended) - began),
        "ended_ms": 1e3 * (ended - began),
    }
