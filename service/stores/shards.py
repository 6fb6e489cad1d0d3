"""Shards as workers see them: claim, renew, and end, all under a lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine

from service.schemas.environment import Environment
from service.schemas.jobs import JobError, Progress
from service.schemas.reports import Artifact, Counts
from service.schemas.specifications import Specification
from service.stores.events import NewEvent
from service.stores.files import FileRecord


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A shard that is ours until the lease runs out, and what it needs."""

    token: str
    """Proves the lease in every later call."""
    shard_id: str
    tenant: str
    job_id: str
    number: int
    first: int
    count: int
    attempt: int
    max_attempts: int
    specification: Specification
    job_started_at: datetime
    seconds_left: float
    """Of the job's time limit, over all attempts; not positive when it is used up."""
    files: tuple[FileRecord, ...]
    has_results: bool
    """An earlier attempt stored this shard's results: go on with `store_results`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The lease goes on."""

    cancel_requested: bool
    """Finish up, store what there is, and end."""


@final
class ShardStore:
    """The shards of all jobs. A stale token changes nothing, and is counted.

    The life of a claim: `claim`, then `renew` until the results are in the blob store,
    then `store_results`; where that returns True, assemble the report of all
    `stored_shards` while renewing, and `finish`. Instead of all that, `fail` or `release`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(
        self, shard_id: str, *, worker: str, lease_seconds: float
    ) -> Claim | None:
        """Returns the shard under a fresh lease; None when it is not to be had.

        The job becomes `running` with its first claim.
        """
        raise NotImplementedError

    def renew(
        self,
        token: str,
        *,
        lease_seconds: float,
        phase: str | None = None,
        progress: Progress | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Renewal | None:
        """Prolongs the lease and records how far the shard has come.

        None when the lease is lost, or the job is over (another shard failed): the
        runner is to be killed and nothing else to be written.

        Args:
            token: Of the claim.
            lease_seconds: From now.
            phase: What the shard is at; None leaves it.
            progress: How far this shard is within the phase; None leaves it.
            events: What else happened, in order.
        """
        raise NotImplementedError

    def store_results(self, token: str) -> bool:
        """Records that the shard's results are in the blob store.

        True: every other shard is over. The caller keeps the lease and must assemble
        the report, then `finish`. False: the shard is done (or the token is stale), and
        there is nothing more to do.
        """
        raise NotImplementedError

    def stored_shards(self, tenant: str, job_id: str) -> list[int]:
        """Returns the numbers of the shards that have results, in order."""
        raise NotImplementedError

    def finish(
        self,
        token: str,
        *,
        outcome: str,
        counts: Counts,
        environment: Environment,
        artifacts: Sequence[Artifact],
    ) -> bool:
        """Ends the job: `succeeded`, or `cancelled` if that was asked for.

        Only after `store_results` returned True. Returns False when the token is stale.
        """
        raise NotImplementedError

    def fail(self, token: str, error: JobError) -> bool:
        """Ends the job as `failed`, and all its other shards.

        Returns False when the token is stale.
        """
        raise NotImplementedError

    def release(self, token: str) -> bool:
        """Gives the shard back to the queue as if it had not been attempted.

        If cancelling was asked for, the shard is over instead: this is how a cancelled
        shard without results ends. Returns False when the token is stale.
        """
        raise NotImplementedError

    def mark_published(self, shard_ids: Sequence[str]) -> None:
        """Records that the broker has a message for each of these shards."""
        raise NotImplementedError
