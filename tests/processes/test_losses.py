"""Whatever is killed or frozen, the job ends once, with the same report."""

import signal
from typing import Any

import pytest

from service.schemas.jobs import Job
from service.schemas.reports import Report
from tests.support.job_bodies import quartic
from tests.support.procs import command, kill
from tests.support.searches import ENDLESS, autoencoder
from tests.support.stack import Stack
from tests.support.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("stack"),
]

LONG = autoencoder(iterations=150, starts=6)


def numbers(report: Report) -> list[Any]:
    return [
        (p.start, p.label, p.loss, p.squared_gradient_norm, p.iterations)
        for p in report.points
    ]


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> list[Any]:
    """The points of the long job when nothing happens to it."""
    job = stack.ended(stack.submit(LONG).id, seconds=100)
    assert job.state == "succeeded", job.error
    with stack.client() as client:
        return numbers(client.report(job.id))


def resumed(stack: Stack, job: Job, undisturbed: list[Any]) -> None:
    """Makes sure that the job ends after one more attempt, with the same numbers."""
    ended = stack.ended(job.id, seconds=120)
    assert ended.state == "succeeded", ended.error
    assert ended.attempt == 2
    with stack.client() as client:
        assert numbers(client.report(job.id)) == undisturbed
    assert stack.stores is not None
    events = stack.stores.events.list("default", job.id, limit=1000)
    assert [event.type for event in events].count("done") == 1


def checkpointed(stack: Stack) -> Job:
    """A long job that runs and has left a checkpoint."""
    job = stack.submit(LONG)
    stack.progressed(job.id)
    blobs = stack.data_dir / "blobs"
    until(
        lambda: list(blobs.glob(f"**/{job.id}/shards/0/checkpoint*")),
        what="a checkpoint",
    )
    return job


def test_killed_runner(stack: Stack, undisturbed: list[Any]) -> None:
    job = checkpointed(stack)
    kill(stack.runner())
    resumed(stack, job, undisturbed)


def test_killed_supervisor(stack: Stack, undisturbed: list[Any]) -> None:
    job = checkpointed(stack)
    runner = stack.runner()
    kill(stack.pool_child())
    until(lambda: not command(runner), what="the end of the runner")
    resumed(stack, job, undisturbed)


def test_killed_worker(stack: Stack, undisturbed: list[Any]) -> None:
    job = checkpointed(stack)
    runner, supervisor = stack.runner(), stack.pool_child()
    kill(stack.worker())
    until(lambda: not command(runner), what="the end of the runner")
    until(lambda: not command(supervisor), what="the end of the supervisor")
    resumed(stack, job, undisturbed)


def test_frozen_supervisor_is_refused(stack: Stack, undisturbed: list[Any]) -> None:
    job = checkpointed(stack)
    runner, supervisor = stack.runner(), stack.pool_child()
    kill(supervisor, signal.SIGSTOP)
    try:
        until(lambda: stack.job(job.id).state == "queued", what="the lease to end")
    finally:
        kill(supervisor, signal.SIGCONT)
    until(lambda: not command(runner), what="the end of the runner")
    resumed(stack, job, undisturbed)


def test_killed_broker(stack: Stack) -> None:
    kill(stack.broker())
    job = stack.submit(quartic())
    assert stack.ended(job.id, seconds=90).state == "succeeded"


def test_killed_api(stack: Stack) -> None:
    job = stack.submit(quartic())
    kill(stack.api())
    assert stack.ended(job.id).state == "succeeded"


def test_cancelled_job_keeps_a_report(stack: Stack) -> None:
    job = stack.submit(autoencoder(iterations=ENDLESS))
    stack.progressed(job.id)
    with stack.client() as client:
        assert client.cancel(job.id).state == "cancelling"
        ended = client.wait(job.id, timeout=25)
        assert ended.state == "cancelled"
        assert len(client.report(job.id).points) == 3


def test_time_limit(stack: Stack) -> None:
    job = stack.submit(autoencoder(iterations=ENDLESS, time_limit_seconds=2))
    ended = stack.ended(job.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error.code == "time_limit_exceeded"
