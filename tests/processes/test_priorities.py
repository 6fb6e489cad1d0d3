"""What waits is begun in the order of its priority, whatever came first."""

import pytest

from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import ENDLESS, autoencoder
from tests.support.servers.stack import Stack

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.xdist_group("stack"),
]


def test_higher_priorities_run_first(stack: Stack) -> None:
    running = stack.submit(autoencoder(iterations=ENDLESS))
    stack.progressed(running.id)
    waiting = [
        stack.submit(quartic(priority=priority)).id
        for priority in ("low", "normal", "low", "high", "normal", "high")
    ]
    low1, normal1, low2, high1, normal2, high2 = waiting
    assert stack.job(high1).queue_position == 0
    assert stack.job(low2).queue_position == 5
    with stack.client() as client:
        client.cancel(running.id)
    ended = [stack.ended(job_id) for job_id in waiting]
    begun = sorted(ended, key=lambda job: job.started_at or job.created_at)
    assert [job.id for job in begun] == [high1, high2, normal1, normal2, low1, low2]
