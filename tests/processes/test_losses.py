"""Whatever is killed or frozen, the job ends once, with the same report."""

import signal
from typing import Any

import pytest

from service.schemas.jobs import Job
from service.stores.sql.database import write
from tests.support.long_job import (
    Findings,
    checkpointed,
    ended_once,
)
from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import ENDLESS, autoencoder
from tests.support.servers.procs import command, kill
from tests.support.servers.stack import Stack
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("stack"),
]

SPECTRA: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [64, 300, 10], "activation": "tanh"},
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "flatten"}, {"kind": "subset", "count": 400}],
        },
        "loss": {"kind": "cross_entropy"},
    },
    "starts": {"kind": "random", "count": 2},
    "finder": {"kind": "none"},
    "spectrum": {"kind": "lanczos", "top": 5, "eigenvectors": True},
}


def resumed(stack: Stack, job: Job, undisturbed: Findings) -> None:
    """Makes sure that the job ends after one more attempt, with the same numbers."""
    ended_once(stack, job, undisturbed)
    assert stack.job(job.id).attempt == 2


def test_killed_runner(stack: Stack, undisturbed: Findings) -> None:
    job = checkpointed(stack)
    kill(stack.runner())
    resumed(stack, job, undisturbed)


def test_spectra_of_a_killed_runner_end_in_the_same_numbers(stack: Stack) -> None:
    first = stack.submit(SPECTRA)
    assert stack.ended(first.id, seconds=100).state == "succeeded"
    second = stack.submit(SPECTRA)
    checkpoints = f"**/{second.id}/shards/0/checkpoint*"
    until(lambda: list((stack.data_dir / "blobs").glob(checkpoints)), what="products")
    kill(stack.runner())
    ended = stack.ended(second.id, seconds=120)
    assert (ended.state, ended.attempt) == ("succeeded", 2)
    with stack.client() as client:
        reports = [client.report(job.id) for job in (first, second)]
    assert reports[0].points == reports[1].points
    assert reports[0].artifacts == reports[1].artifacts


def test_killed_supervisor(stack: Stack, undisturbed: Findings) -> None:
    job = checkpointed(stack)
    runner = stack.runner()
    kill(stack.pool_child())
    until(lambda: not command(runner), what="the end of the runner")
    resumed(stack, job, undisturbed)


def test_killed_worker(stack: Stack, undisturbed: Findings) -> None:
    job = checkpointed(stack)
    runner, supervisor = stack.runner(), stack.pool_child()
    kill(stack.worker())
    until(lambda: not command(runner), what="the end of the runner")
    until(lambda: not command(supervisor), what="the end of the supervisor")
    resumed(stack, job, undisturbed)


def test_frozen_supervisor_is_refused(stack: Stack, undisturbed: Findings) -> None:
    job = checkpointed(stack)
    runner, supervisor = stack.runner(), stack.pool_child()
    assert stack.stores is not None
    with write(stack.stores.engine):  # SQLite's lock: one frozen with it stops all
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
    failed_and_serves_on(stack, job, "time_limit_exceeded")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_crash_in_the_numerics(stack: Stack, number: signal.Signals) -> None:
    job = stack.submit(autoencoder(iterations=ENDLESS))
    stack.progressed(job.id)
    kill(stack.runner(), number)
    failed_and_serves_on(stack, job, "runner_crashed")


def test_out_of_memory(stack: Stack) -> None:
    job = stack.submit(autoencoder(iterations=1, samples=500_000, features=500))
    failed_and_serves_on(stack, job, "out_of_memory")


def failed_and_serves_on(stack: Stack, job: Job, code: str) -> None:
    """Makes sure that a job fails, at once and by name, and that the next one runs."""
    ended = stack.ended(job.id)
    assert ended.state == "failed"
    assert ended.error is not None
    assert ended.error.code == code
    assert ended.attempt == 1
    assert stack.ended(stack.submit(quartic()).id).state == "succeeded"
