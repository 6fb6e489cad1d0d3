"""A supervisor that a test runs itself, on stores that a test can look into."""

import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.schemas.jobs import JobRequest
from service.settings import Settings
from service.stores.bundle import Stores
from service.stores.jobs.creation import NewJob, ShardRange
from service.stores.jobs.records import JobRecord
from tests.support.requests.job_bodies import quartic
from tests.support.servers.procs import children
from tests.support.servers.waiting import until
from tests.support.standin_runner import Behaviour
from worker.supervisor.supervisor import Supervisor

TENANT = "tenant"
ROOT = Path(__file__).parents[2]
STANDIN = (sys.executable, "-m", "tests.support.standin_runner")


@dataclass
class Bench:
    """A supervisor with a stand-in for the numerics, on real stores."""

    stores: Stores
    settings: Settings
    supervisor: Supervisor
    draining: threading.Event
    running: list[threading.Thread] = field(default_factory=list)

    def submit(
        self,
        behaviour: Behaviour,
        *,
        shards: int = 1,
        **more: Any,  # noqa: ANN401
    ) -> tuple[str, list[str]]:
        """The ids of a new job and of its shards."""
        body = quartic(starts=2 * shards, seed=int(behaviour), **more)
        self.stores.keys.create(tenant=TENANT, scopes=frozenset())
        created = self.stores.jobs.create(
            NewJob(
                tenant=TENANT,
                request=JobRequest.model_validate(body),
                file_ids=[],
                shard_ranges=[ShardRange(first=2 * i, count=2) for i in range(shards)],
                max_attempts=self.settings.max_attempts,
            )
        )
        return created.record.id, created.shard_ids

    def run(self, behaviour: Behaviour, **more: Any) -> JobRecord:  # noqa: ANN401
        """A job after one attempt at its only shard."""
        job_id, (shard_id,) = self.submit(behaviour, **more)
        self.supervisor.run(shard_id)
        return self.job(job_id)

    def begin(self, shard_id: str) -> None:
        """Runs a shard in the background."""
        thread = threading.Thread(target=self.supervisor.run, args=(shard_id,))
        thread.start()
        self.running.append(thread)

    def job(self, job_id: str) -> JobRecord:
        return self.stores.jobs.get(TENANT, job_id)

    def progressed(self, job_id: str, steps: int = 10) -> JobRecord:
        """The job once it has come so far."""

        def look() -> JobRecord | None:
            job = self.job(job_id)
            return job if job.progress and job.progress.done >= steps else None

        return until(look, what="progress")

    def runner(self) -> int:
        """The process that computes a shard."""

        def look() -> int:
            for pid in children(os.getpid()):
                if Path(f"/proc/{pid}/cwd/shard").exists():
                    return pid
            return 0

        return until(look, what="a runner at work")

    def ended(self, job_id: str) -> JobRecord:
        """The job once it has ended."""

        def look() -> JobRecord | None:
            job = self.job(job_id)
            return job if job.finished_at else None

        return until(look, what="the end of the job")

    def reached(self, job_id: str) -> int:
        """How far the job has come."""
        progress = self.job(job_id).progress
        return progress.done if progress else 0

    def types(self, job_id: str) -> list[str]:
        """The types of the job's events, in order."""
        return [e.type for e in self.stores.events.list(TENANT, job_id, limit=1000)]
