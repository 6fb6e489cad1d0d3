"""Jobs as their owners see them."""

from service.schemas.jobs import Job, JobUrls
from service.stores.jobs.records import JobRecord


def job(record: JobRecord) -> Job:
    """A job with its resolved specification and where to go on from it."""
    url = job_url(record.id)
    request = record.request
    return Job(
        id=record.id,
        object="job",
        state=record.state,
        phase=record.phase,
        progress=record.progress,
        attempt=record.attempt,
        max_attempts=record.max_attempts,
        problem=request.problem,
        starts=request.starts,
        finder=request.finder,
        classification=request.classification,
        spectrum=request.spectrum,
        seed=request.seed,
        precision=request.precision,
        keep_dataset=request.keep_dataset,
        labels=request.labels,
        time_limit_seconds=request.time_limit_seconds,
        priority=request.priority,
        queue_position=record.queue_position,
        start_before=record.start_before,
        created_at=record.created_at,
        queued_at=record.queued_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        cancel_requested_at=record.cancel_requested_at,
        expires_at=record.expires_at,
        error=record.error,
        result=record.result,
        environment=record.environment,
        retried_from=record.retried_from,
        urls=JobUrls(
            self=url,
            cancel=f"{url}/cancel",
            events=f"{url}/events",
            report=f"{url}/report",
        ),
    )


def job_url(job_id: str) -> str:
    """The path of a job."""
    return f"/v1/jobs/{job_id}"
