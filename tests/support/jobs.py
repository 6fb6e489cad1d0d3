"""A small job, as the stores take and end it."""

from typing import Any

from service.schemas.environment import Environment
from service.schemas.jobs import JobError, JobRequest
from service.schemas.priorities import Priority
from service.schemas.reports import Counts
from service.stores.bundle import Stores
from service.stores.jobs.creation import NewJob, ShardRange
from service.stores.jobs.idempotency import IdempotencyKey
from service.stores.jobs.records import JobRecord
from service.stores.jobs.shards import Claim

QUARTIC = {
    "problem": {
        "kind": "polynomial",
        "variables": 1,
        "terms": [{"coefficient": 1.0, "powers": [4]}],
    },
    "starts": {"kind": "box", "low": [-1.0], "high": [1.0], "count": 6},
}
COUNTS = Counts(
    critical=6,
    gradient_flat=0,
    unconverged=0,
    unclassified=0,
    failed=0,
    ever_gradient_flat=0,
)
ENVIRONMENT = Environment(
    gradflat="0.1.0", torch="2.13.0", python="3.11.7", device="cpu", threads=1
)
BROKEN = JobError(
    code="internal_error", message="It broke.", retryable=False, details={}
)


def job_request(
    labels: dict[str, str] | None = None,
    time_limit_seconds: int = 3600,
    priority: Priority = "normal",
) -> JobRequest:
    """A request for critical points of a quartic."""
    return JobRequest.model_validate(
        {
            **QUARTIC,
            "labels": labels or {},
            "time_limit_seconds": time_limit_seconds,
            "priority": priority,
        }
    )


def new_job(
    *,
    shards: int = 1,
    tenant: str = "ada",
    labels: dict[str, str] | None = None,
    file_ids: tuple[str, ...] = (),
    max_attempts: int = 3,
    time_limit_seconds: int = 3600,
    start_within_seconds: float | None = None,
    priority: Priority = "normal",
    idempotency_key: IdempotencyKey | None = None,
) -> NewJob:
    """A job to create, of so many shards of two starts each."""
    return NewJob(
        tenant=tenant,
        request=job_request(labels, time_limit_seconds, priority),
        file_ids=file_ids,
        shard_ranges=[ShardRange(first=2 * n, count=2) for n in range(shards)],
        max_attempts=max_attempts,
        start_within_seconds=start_within_seconds,
        idempotency_key=idempotency_key,
    )


def create_job(
    stores: Stores,
    **more: Any,  # noqa: ANN401 - of the new job
) -> tuple[JobRecord, list[str]]:
    """A queued job of so many shards of two starts each, and their ids."""
    created = stores.jobs.create(new_job(**more))
    return created.record, created.shard_ids


def claim(stores: Stores, shard_id: str, *, lease_seconds: float = 60.0) -> Claim:
    """A claim that succeeds."""
    claimed = stores.shards.claim(shard_id, worker="w", lease_seconds=lease_seconds)
    assert claimed is not None
    return claimed


def finish(stores: Stores, token: str) -> bool:
    """Ends a job whose results are stored."""
    return stores.shards.finish(
        token, outcome="ok", counts=COUNTS, environment=ENVIRONMENT, artifacts=[]
    )
