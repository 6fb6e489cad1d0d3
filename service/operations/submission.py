"""Submitting a job: resolve it, make it durable, then tell a worker."""

import hashlib
import json
import logging
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from sqlalchemy.exc import SQLAlchemyError

from service.errors import FileNotFound, JobInvalid, JobNotTerminal
from service.queue import ShardQueue, publish_all
from service.resolution.files import FileSummary, file_ids
from service.resolution.resolution import Resolution, resolve
from service.schemas.account import Limits
from service.schemas.base import FileId
from service.schemas.jobs import TERMINAL_STATES, JobRequest, Validation
from service.schemas.priorities import Priority
from service.stores.files.files import FileStore
from service.stores.jobs.creation import CreatedJob, NewJob, ShardRange
from service.stores.jobs.idempotency import IdempotencyKey
from service.stores.jobs.jobs import JobStore
from service.stores.jobs.shards import ShardStore

_log = logging.getLogger(__name__)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Turns requests into jobs."""

    files: FileStore
    jobs: JobStore
    shards: ShardStore
    queue: ShardQueue
    limits: Limits
    starts_per_shard: int
    max_attempts: int
    start_within_seconds: float
    """Deadline for the start of jobs that state none."""

    def validate(self, tenant: str, request: JobRequest) -> Validation:
        """What submitting the request would say."""
        resolution = self._resolve(tenant, request)
        return Validation(
            valid=resolution.resolved is not None,
            problems=resolution.findings,
            resolved=resolution.resolved,
            estimate=resolution.estimate,
        )

    def submit(
        self, tenant: str, request: JobRequest, *, idempotency_key: str | None = None
    ) -> CreatedJob:
        """A new queued job, whether or not the broker could be told of it.

        Args:
            tenant: Whose it is.
            request: What is asked for.
            idempotency_key: The client's name for this request; the job that it has
                made already is returned.

        Returns:
            The job as it was created.
        """
        key = _key(idempotency_key, "create", request.model_dump(mode="json"))
        return self._submit(tenant, request, key, retried_from=None)

    def retry(
        self, tenant: str, job_id: str, *, idempotency_key: str | None = None
    ) -> CreatedJob:
        """Returns a new job with the specification of one that has ended.

        Raises:
            JobNotTerminal: If it has not ended.
        """
        record = self.jobs.get(tenant, job_id)
        if record.state not in TERMINAL_STATES:
            raise JobNotTerminal(
                f"The job is {record.state}; wait for it, or cancel it"
            )
        key = _key(idempotency_key, "retry", job_id)
        return self._submit(tenant, record.request, key, retried_from=record.id)

    def _submit(
        self,
        tenant: str,
        request: JobRequest,
        key: IdempotencyKey | None,
        *,
        retried_from: str | None,
    ) -> CreatedJob:
        if key and (earlier := self.jobs.created_before(tenant, key)):
            return earlier
        resolution = self._resolve(tenant, request)
        if resolution.resolved is None or resolution.estimate is None:
            if resolution.findings[0].code == FileNotFound.code:
                raise FileNotFound("A file is missing", errors=resolution.findings)
            raise JobInvalid(resolution.findings)
        created = self.jobs.create(
            NewJob(
                tenant=tenant,
                request=resolution.resolved,
                file_ids=file_ids(resolution.resolved.problem),
                shard_ranges=_ranges(
                    resolution.estimate.starts,
                    most=1 if resolution.apart else self.starts_per_shard,
                ),
                max_attempts=self.max_attempts,
                start_within_seconds=request.start_within_seconds
                or self.start_within_seconds,
                retried_from=retried_from,
                idempotency_key=key,
            )
        )
        fields = {"job_id": created.record.id, "tenant": tenant}
        _log.info("the job is created", extra={"fields": fields})
        self._announce(created.shard_ids, request.priority)
        return created

    def _resolve(self, tenant: str, request: JobRequest) -> Resolution:
        summaries: dict[FileId, FileSummary] = {}
        for file_id in file_ids(request.problem):
            try:
                summaries[file_id] = FileSummary(
                    purpose=self.files.get(tenant, file_id).purpose,
                    tensors=self.files.tensors(tenant, file_id),
                )
            except FileNotFound:
                continue
        return resolve(request, summaries, self.limits)

    def _announce(self, shard_ids: list[str], priority: Priority) -> None:
        published = publish_all(self.queue, shard_ids, priority)
        if not published:
            return
        try:
            self.shards.mark_published(published)
        except SQLAlchemyError as error:
            # The job is there, so that its client must be told; a second message for
            # a shard does no harm.
            _log.warning("publication is not recorded: %s", type(error).__name__)


def _key(name: str | None, operation: str, asked: object) -> IdempotencyKey | None:
    if name is None:
        return None
    text = json.dumps([operation, asked], sort_keys=True)
    return IdempotencyKey(
        name=name, fingerprint=hashlib.sha256(text.encode()).hexdigest()
    )


def _ranges(starts: int, *, most: int) -> list[ShardRange]:
    """As few shards as may be, all of one size or one less."""
    shards = math.ceil(starts / most)
    bounds = [number * starts // shards for number in range(shards + 1)]
    return [
        ShardRange(first=first, count=end - first) for first, end in pairwise(bounds)
    ]
