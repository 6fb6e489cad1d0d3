"""A job that takes long enough to be disturbed, and what it finds undisturbed."""

from service.schemas.jobs import Job
from service.schemas.reports import Counts, Point, Report, Summary
from tests.support.requests.searches import autoencoder
from tests.support.servers.stack import Stack
from tests.support.servers.waiting import until

LONG = autoencoder(iterations=150, starts=6)

Findings = tuple[Counts, list[Point], Summary]


def findings(report: Report) -> Findings:
    """All that must not depend on what happened to a job."""
    return report.counts, report.points, report.summary


def undisturbed_findings(stack: Stack) -> Findings:
    """What the long job finds when nothing happens to it."""
    job = stack.ended(stack.submit(LONG).id, seconds=100)
    assert job.state == "succeeded", job.error
    with stack.client() as client:
        return findings(client.report(job.id))


def checkpointed(stack: Stack) -> Job:
    """The long job, running and with a checkpoint left."""
    job = stack.submit(LONG)
    stack.progressed(job.id)
    blobs = stack.data_dir / "blobs"
    until(
        lambda: list(blobs.glob(f"**/{job.id}/shards/0/checkpoint*")),
        what="a checkpoint",
    )
    return job


def ended_once(stack: Stack, job: Job, undisturbed: Findings) -> None:
    """Makes sure that a job succeeds, once, with what it finds undisturbed."""
    ended = stack.ended(job.id, seconds=120)
    assert ended.state == "succeeded", ended.error
    with stack.client() as client:
        assert findings(client.report(job.id)) == undisturbed
    assert stack.stores is not None
    events = stack.stores.events.list("default", job.id, limit=1000)
    assert [event.type for event in events].count("done") == 1
