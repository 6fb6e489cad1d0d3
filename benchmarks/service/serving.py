"""The benchmark of the service."""

import asyncio
from functools import partial

import numpy as np

from benchmarks.results import Result, Row, Table, Target
from benchmarks.service.deployment import (
    Deployment,
    deployment,
    has_mapped,
    peak_megabytes,
)
from benchmarks.service.fan_out import FanOut, follow
from benchmarks.service.http import Connection
from benchmarks.service.jobs import LONG
from benchmarks.service.polling import Polls, poll
from benchmarks.service.starting import start_times
from benchmarks.settings import Settings
from benchmarks.stopwatch import alone

RATE = 200.0
"""Polls a second."""
CLIENTS = 200
"""Of one stream."""
_POLL_S = {"full": 30.0, "quick": 10.0, "tiny": 0.5}
_STREAM_S = {"full": 20.0, "quick": 8.0, "tiny": 1.0}
_JOBS = {"full": 20, "quick": 8, "tiny": 1}


def run(settings: Settings) -> Result:
    """A deployment on this machine, under polls, jobs and followers."""
    with alone(settings), deployment() as started:
        return asyncio.run(_measure(settings, started))


async def _measure(settings: Settings, started: Deployment) -> Result:
    starts = await start_times(started, jobs=_JOBS[settings.scale])
    async with Connection(started) as connection:
        job = (await connection.post("/v1/jobs", LONG)).json()
    polls: dict[str, Polls] = {}
    measure = partial(
        poll, started, job["urls"]["self"], rate=RATE, seconds=_POLL_S[settings.scale]
    )
    polls["200, job runs"] = await measure(conditional=False)
    seconds = _STREAM_S[settings.scale]
    streams = await follow(started, job["id"], clients=CLIENTS, seconds=seconds)
    polls["200"] = await measure(conditional=False)
    polls["304"] = await measure(conditional=True)
    api = started.api()
    memory = peak_megabytes(api)
    torch = has_mapped(api, "libtorch")
    return Result(
        name="service",
        title="how fast a deployment answers",
        tables=[
            _poll_table(polls),
            _start_table(starts),
            _stream_table(streams),
            Table(
                title="API process",
                rows=[{"peak_memory_mb": memory, "torch_loaded": torch}],
            ),
        ],
        targets=_targets(polls, starts, streams, memory=memory, torch=torch),
        notes=[
            f"polls at {RATE:g} a second, timed from the moment at which they are due",
            "broker, API, worker, SQLite and the client share the machine",
        ],
        series={
            **{name: each.latencies_ms for name, each in polls.items()},
            "running_ms": [float(row["running_ms"] or 0.0) for row in starts],
            "delays_ms": streams.delays_ms,
        },
    )


def _targets(
    polls: dict[str, Polls],
    starts: list[Row],
    streams: FanOut,
    *,
    memory: float,
    torch: bool,
) -> list[Target]:
    running = [float(row["running_ms"] or 0.0) for row in starts]
    p99 = {name: _percentile(each.latencies_ms, 99) for name, each in polls.items()}
    bounds = (
        ("status poll, p99 ms", 15.0, p99["200"]),
        ("status poll while a job runs, p99 ms", 15.0, p99["200, job runs"]),
        ("304, p50 ms", 5.0, _percentile(polls["304"].latencies_ms, 50)),
        ("POST to running, p95 ms", 500.0, _percentile(running, 95)),
        ("API memory, MB", 150.0, memory),
        ("torch in the API", 0.0, float(torch)),
    )
    return [
        *(
            Target(name=name, wanted=wanted, measured=measured, at_most=True)
            for name, wanted, measured in bounds
        ),
        Target(name="clients with every event", wanted=CLIENTS, measured=streams.whole),
    ]


def _poll_table(polls: dict[str, Polls]) -> Table:
    return Table(
        title=f"Status polls, {RATE:g} a second",
        rows=[
            {
                "answer": name,
                "polls": len(each.latencies_ms),
                "p50_ms": _percentile(each.latencies_ms, 50),
                "p99_ms": _percentile(each.latencies_ms, 99),
                "most_ms": max(each.latencies_ms),
                "api_cpu_ms": each.cpu_ms,
            }
            for name, each in polls.items()
        ],
    )


def _start_table(starts: list[Row]) -> Table:
    times = {name: [float(row[name] or 0.0) for row in starts] for name in starts[0]}
    return Table(
        title="Jobs with a warm runner, from POST",
        rows=[
            {
                "until": name.removesuffix("_ms"),
                "p50_ms": _percentile(values, 50),
                "p95_ms": _percentile(values, 95),
                "most_ms": max(values),
            }
            for name, values in times.items()
        ],
    )


def _stream_table(streams: FanOut) -> Table:
    return Table(
        title=f"Event streams of one job to {CLIENTS} clients",
        rows=[
            {
                "events": streams.events,
                "deliveries": len(streams.delays_ms),
                "p50_ms": _percentile(streams.delays_ms, 50),
                "p99_ms": _percentile(streams.delays_ms, 99),
                "whole_clients": streams.whole,
                "api_cpu_s": streams.cpu_s,
            }
        ],
    )


def _percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share))
