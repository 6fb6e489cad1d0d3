"""A campaign: jobs come in at a steady rate while processes are struck."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from service.stack.children import Child
from service.stack.environment import WORKER_ARGUMENTS
from tests.chaos.jobs import kinds
from tests.chaos.submission import Submission
from tests.chaos.verdict import Verdict, judge
from tests.chaos.victims import Marksman
from tests.support.servers.procs import descendants, living_in
from tests.support.servers.stack import FAST, TENANT, Stack, running_stack
from tests.support.servers.waiting import until

TICK_S = 0.1
END_S = 10.0
SETTINGS = {
    "GRADFLAT_STARTS_PER_SHARD": "2",
    "GRADFLAT_MAX_ATTEMPTS": "1000",
}
FREEZE_S = 3.0 + float(FAST["GRADFLAT_LEASE_SECONDS"])
"""Longer than a lease, and the time in which its loss is seen."""


@final
@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a campaign is to be.

    Attributes:
        jobs: How many are submitted.
        seconds: Time in which they are submitted and processes are struck.
        pause: Seconds between two strikes.
        patience: Seconds afterwards in which all jobs are to end.
        seed: Of the choice of victims.
    """

    jobs: int
    seconds: float
    pause: float = 3.0
    patience: float = 900.0
    seed: int = 0


def run(plan: Plan, folder: Path) -> Verdict:
    """Runs a campaign on a stack of its own with two workers, and judges it."""
    with running_stack(folder, **SETTINGS) as stack:
        submission = Submission(
            stack, kinds(stack), jobs=plan.jobs, seconds=plan.seconds
        )
        marksman = Marksman(folder, np.random.default_rng(plan.seed), FREEZE_S)
        with _second_worker(stack) as second:
            seconds = _fight(plan, stack, second, submission, marksman)
            verdict = judge(stack, submission, marksman)
            kin = stack.all_processes().keys() | descendants(second.pid) | {second.pid}
            verdict.none("orphans", living_in(folder) - kin)
    until(lambda: not living_in(folder), what="the end of all processes", seconds=END_S)
    verdict.figures["seconds"] = round(seconds)
    return verdict


def _fight(
    plan: Plan, stack: Stack, second: Child, submission: Submission, marksman: Marksman
) -> float:
    """Strikes for as long as planned, then waits for the jobs; returns the seconds."""
    submission.start()
    began = time.monotonic()
    due = plan.pause
    while (now := time.monotonic() - began) < plan.seconds + plan.patience:
        second.tend()
        marksman.thaw(now)
        if now < plan.seconds:
            if now >= due:
                marksman.strike(now)
                due += plan.pause
        elif submission.over() and not marksman.frozen and not _unfinished(stack):
            break
        time.sleep(TICK_S)
    return now


def _unfinished(stack: Stack) -> int:
    assert stack.stores is not None
    return stack.stores.jobs.usage(TENANT).active_jobs


@contextmanager
def _second_worker(stack: Stack) -> Generator[Child]:
    """A worker that is started again like those of the stack."""
    child = Child(
        "worker-2",
        (sys.executable, *WORKER_ARGUMENTS),
        log=stack.data_dir / "logs" / "worker-2.log",
        environment=stack.child_environment(),
        folder=stack.data_dir,
    )
    child.start()
    try:
        yield child
    finally:
        child.terminate()
        child.end(time.monotonic() + END_S)
