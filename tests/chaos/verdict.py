"""Whether everything held: what the rows, the reports and the counts say."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

from sqlalchemy import func, select

from service.stores.bundle import Stores
from service.stores.jobs.leases import refusals
from service.stores.sql.database import read
from service.stores.sql.tables import events, jobs, shards
from tests.chaos.submission import Submission
from tests.chaos.victims import ENDING_AN_ATTEMPT, Marksman
from tests.support.long_job import findings
from tests.support.servers.stack import TENANT, Stack


@final
@dataclass
class Verdict:
    """What was seen, and what was wrong with it.

    Attributes:
        figures: Counts, by name.
        failures: What was not to be; none if all held.
    """

    figures: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[str] = field(default_factory=list[str])

    def none(self, name: str, found: Iterable[object]) -> None:
        """Notes a failure if anything was found."""
        if listed := list(found):
            self.failures.append(f"{name}: {', '.join(map(str, listed))}")


def judge(stack: Stack, submission: Submission, marksman: Marksman) -> Verdict:
    """The verdict on jobs that have had their time."""
    assert stack.stores is not None
    verdict = Verdict()
    if not submission.over():
        verdict.failures.append("not all jobs were accepted")
    states = {
        job_id: stack.stores.jobs.get(TENANT, job_id).state
        for job_id in submission.sent
    }
    failed = [job_id for job_id, state in states.items() if state != "succeeded"]
    verdict.none("jobs that did not succeed", failed)
    with stack.client() as client:
        verdict.none(
            "reports that differ from the undisturbed ones",
            (
                job_id
                for job_id, kind in submission.sent.items()
                if states[job_id] == "succeeded"
                and findings(client.report(job_id)) != kind.undisturbed
            ),
        )
    _count_jobs(verdict, stack.stores, submission)
    _explain_attempts(verdict, stack.stores, marksman)
    return verdict


def _count_jobs(verdict: Verdict, stores: Stores, submission: Submission) -> None:
    ended = (
        select(jobs.c.id)
        .outerjoin(
            events,
            (events.c.job_id == jobs.c.id) & (events.c.type == "done"),
        )
        .group_by(jobs.c.id)
        .having(func.count(events.c.sequence) != 1)
    )
    with read(stores.engine) as connection:
        total = connection.execute(select(func.count()).select_from(jobs)).scalar_one()
        not_once = connection.execute(ended).scalars().all()
    verdict.none("jobs that did not end exactly once", not_once)
    surplus = total - len(submission.sent) - len(submission.kinds)
    verdict.none("jobs that nobody knows", range(surplus))
    verdict.figures |= {
        "jobs": len(submission.sent),
        "requests sent again": submission.repeated,
    }


def _explain_attempts(verdict: Verdict, stores: Stores, marksman: Marksman) -> None:
    """Every discarded attempt died with its worker, or was refused and counted."""
    told_lost = events.c.data.contains("lost its worker")
    with read(stores.engine) as connection:
        attempts, count = connection.execute(
            select(func.sum(shards.c.attempt), func.count()).where(shards.c.attempt > 0)
        ).one()
        told = connection.execute(
            select(func.count()).where(events.c.type == "log", told_lost)
        ).scalar_one()
    discarded = attempts - count
    refused = sum(refusals(stores.engine).values())
    deaths = sum(marksman.struck[kind] for kind in ENDING_AN_ATTEMPT)
    if discarded != told:
        verdict.failures.append(f"{discarded} attempts discarded, but {told} told")
    verdict.none("attempts without an explanation", range(discarded - deaths - refused))
    verdict.figures |= {
        "shards": count,
        "attempts discarded": discarded,
        "fenced writes": refused,
        **{f"struck {kind}": times for kind, times in marksman.struck.items()},
    }
