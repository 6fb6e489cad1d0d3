"""The jobs of a campaign: short ones, of a few kinds in turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from tests.support.long_job import Findings, findings
from tests.support.requests.job_bodies import quartic
from tests.support.requests.searches import autoencoder
from tests.support.servers.stack import Stack

BODIES: tuple[Mapping[str, Any], ...] = (
    *(quartic(starts=4, seed=seed) for seed in range(3)),
    *(autoencoder(iterations=4, starts=4, samples=50, seed=seed) for seed in range(3)),
)


@final
@dataclass(frozen=True)
class Kind:
    """A job that is submitted many times.

    Attributes:
        body: What is asked for.
        undisturbed: What it finds when nothing happens to it.
    """

    body: Mapping[str, Any]
    undisturbed: Findings


def kinds(stack: Stack) -> list[Kind]:
    """All kinds, after each of them ran once in peace."""
    jobs = [stack.submit(body) for body in BODIES]
    ended = [stack.ended(job.id, seconds=100) for job in jobs]
    with stack.client() as client:
        found = [findings(client.report(job.id)) for job in ended]
    return [Kind(*both) for both in zip(BODIES, found, strict=True)]
