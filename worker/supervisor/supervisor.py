"""One attempt at a shard, from the claim to its end."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from service import logs, tracing
from service.schemas.jobs import JobError
from service.schemas.reports import Report
from service.settings import Settings
from service.stores.blobs.base import job_prefix
from service.stores.bundle import Stores
from service.stores.jobs.events import NewEvent
from service.stores.jobs.shards import Claim
from worker.protocol import CHECKPOINT, Assemble, ReportDone, RunShard, ShardDone
from worker.supervisor.lease import Lease, LeaseLost
from worker.supervisor.results import (
    ResultsInvalid,
    fetch_checkpoint,
    fetch_shards,
    store_checkpoint,
    store_report,
    store_shard,
)
from worker.supervisor.runners import RUNNER_COMMAND, Runner, Spares
from worker.supervisor.scratch import Scratch
from worker.supervisor.watch import Ending, NotDone, RunFailed, Watch

_log = logging.getLogger(__name__)


@final
class Supervisor:
    """Runs shards one after another.

    Args:
        stores: Where claims, inputs and results are.
        settings: Intervals and limits.
        worker: Its name in claims.
        draining: Whether to end soon and begin nothing.
        command: Starts a runner; the limits are added as the last argument.
    """

    def __init__(
        self,
        stores: Stores,
        settings: Settings,
        *,
        worker: str,
        draining: Callable[[], bool],
        command: Sequence[str] = RUNNER_COMMAND,
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._worker = worker
        self._draining = draining
        self._scratch = Scratch(settings.resolved_scratch_dir)
        self._spares = Spares(self._scratch, settings, command)
        self._runner: Runner | None = None

    def run(self, shard_id: str) -> None:
        """Computes a shard if it is to be had; whatever happens, nothing is raised."""
        if self._draining():
            return
        claim = self._stores.shards.claim(
            shard_id, worker=self._worker, lease_seconds=self._settings.lease_seconds
        )
        if claim is None:
            _log.info("%s is not to be had", shard_id)
            return
        with (
            tracing.continued(claim.traceparent),
            tracing.span("shard", job_id=claim.job_id, attempt=claim.attempt),
            logs.bound(job_id=claim.job_id, shard_id=shard_id),
        ):
            _log.info("attempt %d begins", claim.attempt)
            self._run(claim)

    def _run(self, claim: Claim) -> None:
        try:
            with Lease(self._stores.shards, claim.token, self._settings) as lease:
                self._attempt(claim, lease)
        except LeaseLost:
            _log.warning("the lease is lost")
            self._discard(claim)
        if not self._draining():
            self._spares.replenish(now=True)

    def device(self) -> str:
        """Returns what it computes on, as its first runner says when it is ready."""
        return self._spares.environment().device

    def runner_bytes(self) -> int:
        """Returns the memory of the runner at work, 0 while there is none."""
        runner = self._runner
        return 0 if runner is None else runner.resident_bytes()

    def close(self) -> None:
        """Ends the spare runner and removes what is left."""
        self._spares.close()
        self._scratch.close()

    def _discard(self, claim: Claim) -> None:
        """Has the loss counted, or the lease ended if only renewals failed."""
        try:
            self._stores.shards.abandon(claim.token)
        except SQLAlchemyError:
            _log.warning("the database is away")

    def _attempt(self, claim: Claim, lease: Lease) -> None:
        shards = self._stores.shards
        self._runner = runner = self._spares.take()
        try:
            # Whatever is written about its end, it has ended by then.
            with contextlib.closing(runner):
                self._compute(claim, runner, lease)
        except RunFailed as failure:
            _log.info("failed: %s", failure.code)
            error = JobError(
                code=failure.code,
                message=failure.message,
                retryable=failure.retryable,
                details={},
            )
            lease.flush()
            lease.persist(lambda: shards.fail(claim.token, error))
        except NotDone as stopped:
            _log.info("not done: %s", stopped.ending.value)
            if stopped.ending is Ending.KILLED:
                lease.abandon()
            else:
                lease.flush()
                lease.persist(lambda: shards.release(claim.token))
        except LeaseLost:
            raise
        except Exception:
            _log.exception("the attempt is given up")
            lease.abandon()

    def _compute(self, claim: Claim, runner: Runner, lease: Lease) -> None:
        blobs, shards = self._stores.blobs, self._stores.shards
        if claim.seconds_left <= 0:
            raise RunFailed("time_limit_exceeded", "The time limit was reached.")
        folder = runner.folder / "shard"
        folder.mkdir()
        watch = Watch(
            runner,
            lease,
            seconds_left=claim.seconds_left,
            draining=self._draining,
            on_tick=self._spares.replenish,
            on_checkpoint=lambda: store_checkpoint(blobs, claim, folder),
        )
        try:
            if not claim.has_results:
                runner.send(self._task(claim, runner.folder, folder))
                if (folder / CHECKPOINT).exists():
                    lease.report(event=_log_entry(claim, "goes on from a checkpoint"))
                with tracing.span("run_shard", starts=claim.count):
                    watch.until(ShardDone)
                lease.check()
                store_shard(blobs, claim, folder)
            lease.flush()
            if lease.persist(lambda: shards.store_results(claim.token)):
                self._report(claim, runner, watch, lease)
        except NotDone as stopped:
            if stopped.ending is not Ending.CANCELLED:
                lease.check()
                store_checkpoint(blobs, claim, folder)
            raise
        except ResultsInvalid as error:
            _log.exception("bad results")
            raise RunFailed("internal_error", "The results are damaged.") from error

    def _task(self, claim: Claim, home: Path, folder: Path) -> RunShard:
        inputs: dict[str, Path] = {}
        for record in claim.files:
            inputs[record.purpose] = home / f"{record.purpose}.safetensors"
            self._stores.blobs.fetch(record.blob_key, inputs[record.purpose])
        fetch_checkpoint(self._stores.blobs, claim, folder)
        return RunShard(
            kind="run_shard",
            job_id=claim.job_id,
            specification=claim.specification,
            first=claim.first,
            count=claim.count,
            weights=inputs.get("weights"),
            dataset=inputs.get("dataset"),
            folder=folder,
            dense_limit=self._settings.dense_limit,
            memory_budget_bytes=self._settings.memory_budget_bytes,
            memory_limit_bytes=self._settings.memory_limit_bytes,
            checkpoint_seconds=self._settings.checkpoint_seconds,
        )

    def _report(self, claim: Claim, runner: Runner, watch: Watch, lease: Lease) -> None:
        numbers = self._stores.shards.stored_shards(claim.tenant, claim.job_id)
        shards = runner.folder / "shards"
        folder = runner.folder / "report"
        folder.mkdir()
        runner.send(
            Assemble(
                kind="assemble",
                job_id=claim.job_id,
                specification=claim.specification,
                started_at=claim.job_started_at,
                shard_folders=fetch_shards(self._stores.blobs, claim, numbers, shards),
                folder=folder,
            )
        )
        with tracing.span("assemble", shards=len(numbers)):
            watch.until(ReportDone)
        lease.flush()
        lease.check()
        report = store_report(self._stores.blobs, claim, folder)
        if lease.persist(lambda: self._finish(claim, report)):
            self._stores.blobs.delete_prefix(
                f"{job_prefix(claim.tenant, claim.job_id)}/shards"
            )

    def _finish(self, claim: Claim, report: Report) -> bool:
        return self._stores.shards.finish(
            claim.token,
            outcome=report.outcome,
            counts=report.counts,
            environment=report.environment,
            artifacts=report.artifacts,
        )


def _log_entry(claim: Claim, what: str) -> NewEvent:
    message = f"Shard {claim.number} {what}"
    data: dict[str, JsonValue] = {"message": message, "level": "info"}
    return NewEvent(type="log", data=data)
