"""Clients that follow a job hear all of it, whatever happens to the API."""

import subprocess

import pytest

from service.schemas.events import Event
from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import autoencoder
from tests.support.servers.procs import kill
from tests.support.servers.stack import GRADFLAT, Stack

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("stack"),
]


def test_a_follower_outlives_the_api(stack: Stack) -> None:
    job = stack.submit(autoencoder(iterations=60))
    told: list[Event] = []
    killed = False
    with stack.client() as client:
        for event in client.follow(job.id):
            told.append(event)
            if event.type == "progress" and not killed:
                killed = True
                kill(stack.api())
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    assert killed
    assert told[-1].type == "done"
    assert stack.stores is not None
    assert told == stack.stores.events.list("default", job.id, limit=1000)


def test_the_command_line_shows_the_log(stack: Stack) -> None:
    job = stack.submit(quartic())
    done = subprocess.run(
        [*GRADFLAT, "log", job.id, "--follow", "--data-dir", str(stack.data_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0].endswith("state    state queued")
    assert any("Shard 0 begins, attempt 1" in line for line in lines)
    assert lines[-1].endswith("done     state succeeded")
