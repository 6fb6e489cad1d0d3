"""The reconciler: makes the rows true again after whatever was lost.

It announces queued shards that the broker may have forgotten, takes shards from workers
that have gone silent, ends what has outlived its time, and empties SQLite's log. Any
number of copies may run.
"""

import logging
import threading
from dataclasses import dataclass
from typing import final

from sqlalchemy.exc import SQLAlchemyError

from service.queue import ShardQueue
from service.settings import Settings
from service.stores.blobs.base import job_prefix
from service.stores.bundle import Stores
from service.stores.sql.database import checkpoint

_log = logging.getLogger(__name__)

_SCRATCH_SECONDS = 86_400.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What one round did, in numbers of things."""

    reaped: int
    expired: int
    published: int
    removed: int
    abandoned: int
    swept: int
    forgotten: int


@final
class Reconciler:
    """Repairs the state of all jobs, over and over.

    Attributes:
        stores: Where the state is.
        queue: Where shards are announced.
    """

    def __init__(self, stores: Stores, queue: ShardQueue, settings: Settings) -> None:
        self.stores = stores
        self.queue = queue
        self._pause_seconds = settings.reconcile_seconds
        self._scratch_seconds = max(_SCRATCH_SECONDS, settings.upload_patience_seconds)

    def run(self, stop: threading.Event) -> None:
        """Reconciles until asked to stop; what fails is tried again next time."""
        while not stop.is_set():
            try:
                done = self.run_once()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("reconciling failed: %s", type(error).__name__)
            else:
                if any((done.reaped, done.expired, done.removed, done.swept)):
                    _log.info("reconciled: %s", done)
            stop.wait(self._pause_seconds)

    def run_once(self) -> Reconciliation:
        """Returns what a single round did."""
        recovery = self.stores.recovery
        reaped = recovery.reap()
        expired = recovery.expire()
        done = Reconciliation(
            reaped=reaped,
            expired=expired,
            published=self._announce(),
            removed=self._remove(),
            abandoned=self._forget_uploads(),
            swept=self.stores.blobs.sweep(older_than_seconds=self._scratch_seconds),
            forgotten=recovery.forget(),
        )
        checkpoint(self.stores.engine)
        return done

    def _announce(self) -> int:
        recovery = self.stores.recovery
        waiting = recovery.take_unannounced(queue_is_empty=self.queue.is_empty())
        for position, (shard_id, priority) in enumerate(waiting.items()):
            if not self.queue.publish(shard_id, priority):
                recovery.give_back_unannounced(list(waiting)[position:])
                return position
        return len(waiting)

    def _remove(self) -> int:
        removed = 0
        while jobs := self.stores.recovery.removable():
            for job in jobs:
                self.stores.blobs.delete_prefix(job_prefix(job.tenant, job.id))
            gone = sum(self.stores.recovery.remove(job) for job in jobs)
            removed += gone
            if not gone:
                break  # another copy removes them
        return removed

    def _forget_uploads(self) -> int:
        abandoned = self.stores.uploads.abandoned()
        for upload in abandoned:
            self.stores.drafts.discard(upload.key)
            self.stores.uploads.delete(upload)
        return len(abandoned)
