"""Jobs as tenants see them: create, look up, list, cancel, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine

from service.schemas.account import Quotas, Usage
from service.schemas.environment import Environment
from service.schemas.jobs import (
    JobError,
    JobRequest,
    JobResult,
    JobState,
    Progress,
)
from service.schemas.reports import Artifact


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job's row; `sequence` grows with every change that a client can see."""

    tenant: str
    id: str
    state: JobState
    phase: str | None
    progress: Progress | None
    attempt: int
    max_attempts: int
    request: JobRequest
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None
    error: JobError | None
    result: JobResult | None
    environment: Environment | None
    artifacts: tuple[Artifact, ...]
    retried_from: str | None
    sequence: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRange:
    """The starts ``first .. first + count - 1``."""

    first: int
    count: int


@final
class JobStore:
    """The jobs of all tenants; every method takes the tenant."""

    def __init__(
        self, engine: Engine, quotas: Quotas, *, retention_seconds: float
    ) -> None:
        self._engine = engine
        self._quotas = quotas
        self._retention_ms = round(retention_seconds * 1000)

    def create(
        self,
        *,
        tenant: str,
        request: JobRequest,
        file_ids: Sequence[str],
        shard_ranges: Sequence[ShardRange],
        max_attempts: int,
        start_within_seconds: float | None = None,
        retried_from: str | None = None,
    ) -> tuple[JobRecord, list[str]]:
        """Returns a new queued job and the ids of its shards, to be published.

        Args:
            tenant: Whose it is.
            request: The resolved request.
            file_ids: The files that it needs.
            shard_ranges: Starts of each shard, at least one.
            max_attempts: How often a shard may lose its worker.
            start_within_seconds: Deadline for the start; then the job expires.
            retried_from: The job that it repeats.

        Raises:
            FileNotFound: If a file is not there (any more).
            QuotaExceeded: If the tenant has too many unfinished jobs.
        """
        raise NotImplementedError

    def get(self, tenant: str, job_id: str) -> JobRecord:
        """Returns one job.

        Raises:
            JobNotFound: If the tenant has no such job.
            JobExpired: If its retention has ended.
        """
        raise NotImplementedError

    def list(
        self,
        tenant: str,
        *,
        state: JobState | None = None,
        label: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> tuple[list[JobRecord], str | None]:
        """Returns a page of jobs, newest first, and the cursor of the next one.

        Args:
            tenant: Whose they are.
            state: Only jobs in this state.
            label: Only jobs with this label, ``key`` or ``key=value``.
            limit: Length of the page.
            cursor: Where the page before this one ended.

        Raises:
            BadCursor: If the cursor is not from here.
        """
        raise NotImplementedError

    def request_cancel(self, tenant: str, job_id: str) -> JobRecord:
        """Returns the job after asking it to end.

        A queued job is cancelled at once, a running one becomes `cancelling`, and one
        that has ended (or is cancelling already) stays as it is.

        Raises:
            JobNotFound: If the tenant has no such job.
            JobExpired: If its retention has ended.
        """
        raise NotImplementedError

    def delete(self, tenant: str, job_id: str) -> None:
        """Deletes a job that has ended; the reconciler removes its blobs and rows.

        Raises:
            JobNotFound: If the tenant has no such job.
            JobExpired: If its retention has ended.
            JobNotTerminal: If it has not ended.
        """
        raise NotImplementedError

    def usage(self, tenant: str) -> Usage:
        """Returns what the tenant holds now."""
        raise NotImplementedError
