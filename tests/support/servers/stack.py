"""A real ``gradflat up`` on a folder of its own, with short leases."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from service import connection
from service.client import Client
from service.schemas.jobs import Job
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from tests.support.servers import procs
from tests.support.servers.waiting import until
from tests.support.servers.workers import Worker, running_worker

GRADFLAT = (sys.executable, "-P", "-m", "service.cli")
FAST: Mapping[str, str] = {
    "GRADFLAT_LEASE_SECONDS": "6",
    "GRADFLAT_RENEW_SECONDS": "1",
    "GRADFLAT_SELF_FENCE_SECONDS": "5",
    "GRADFLAT_RECONCILE_SECONDS": "1",
    "GRADFLAT_ANNOUNCE_AGAIN_SECONDS": "3",
    "GRADFLAT_CHECKPOINT_SECONDS": "0.3",
    "GRADFLAT_RUNNER_THREADS": "1",
    "GRADFLAT_RUNNER_MEMORY_BYTES": str(2**30),
}
TENANT = "default"
READY_S = 60.0
END_S = 20.0


@dataclass
class Stack:
    """A running stack, and ways to look at it and to hurt it."""

    data_dir: Path
    process: "subprocess.Popen[str]"
    environment: Mapping[str, str]
    line: str = ""
    url: str = ""
    key: str = ""
    stores: Stores | None = field(default=None, repr=False)

    def client(self) -> Client:
        """A client with the stack's own key."""
        return Client(self.url, self.key)

    def submit(self, body: Mapping[str, Any]) -> Job:
        """A job that was just created."""
        with self.client() as client:
            return client.create(body)

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        with self.client() as client:
            return client.job(job_id)

    def ended(self, job_id: str, seconds: float = 60.0) -> Job:
        """A job as it ended."""
        with self.client() as client:
            return client.wait(job_id, timeout=seconds, interval=0.1)

    def progressed(self, job_id: str) -> Job:
        """A job that runs and has told of its search."""

        def look() -> Job | None:
            job = self.job(job_id)
            assert job.finished_at is None, f"{job.state} before it was looked at"
            return job if job.phase == "searching" and job.progress else None

        return until(look, what="progress", seconds=40.0, pause=0.05)

    def api(self) -> int:
        """The process that serves HTTP."""
        return self._find("service.cli api")

    def broker(self) -> int:
        """The broker's process."""
        return self._find("valkey-server")

    def worker(self) -> int:
        """Celery's main process."""
        return self._find("celery -A worker.app")

    def pool_child(self) -> int:
        """Celery's pool process, which supervises."""
        return Worker(self.worker()).pool_child()

    def runners(self) -> set[int]:
        """The runners, the spare one included."""
        return Worker(self.worker()).runners()

    def runner(self) -> int:
        """The runner that computes a shard."""
        return Worker(self.worker()).runner()

    def broker_url(self) -> str:
        """The broker, with its password."""
        if named := self.environment.get("GRADFLAT_BROKER_URL"):
            return named
        lines = (self.data_dir / "broker" / "valkey.conf").read_text().splitlines()
        told = {name: value for name, _, value in (li.partition(" ") for li in lines)}
        return f"redis://:{told['requirepass']}@127.0.0.1:{told['port']}/0"

    def child_environment(self) -> dict[str, str]:
        """What another process of the same deployment needs to know."""
        return {
            **os.environ,
            **self.environment,
            "GRADFLAT_DATA_DIR": str(self.data_dir),
            "GRADFLAT_BROKER_URL": self.broker_url(),
        }

    @contextmanager
    def another_worker(self) -> Generator[Worker]:
        """A second worker on the same broker, database and files."""
        assert self.stores is not None
        command = (*GRADFLAT, "worker")
        with running_worker(command, self.stores, self.child_environment()) as worker:
            yield worker

    def all_processes(self) -> dict[int, str]:
        """Every process below it and its own, with command lines."""
        below = procs.descendants(self.process.pid) | {self.process.pid}
        return {pid: line for pid in below if (line := procs.command(pid))}

    def logs(self) -> str:
        """All that its processes wrote."""
        return "\n".join(
            f"==> {path.name}\n{path.read_text(errors='replace')[-4000:]}"
            for path in sorted((self.data_dir / "logs").glob("*.log"))
        )

    def _find(self, part: str) -> int:
        def look() -> int:
            below = procs.children(self.process.pid)
            # A child is another program for a moment before it becomes its own.
            found = (
                pid
                for pid in below
                if part in (line := procs.command(pid)) and "lifelines" not in line
            )
            return next(found, 0)

        return until(look, what=part)


@contextmanager
def running_stack(
    data_dir: Path,
    options: Sequence[str] = (),
    wrapper: Sequence[str] = (),
    **environment: str,
) -> Generator[Stack]:
    """A stack that is ready; afterwards it has ended, and nothing is left of it.

    Args:
        data_dir: Its folder; may hold what an earlier one left.
        options: More of the command line.
        wrapper: A command that runs it.
        environment: Settings other than the fast ones.
    """
    process = subprocess.Popen(
        [
            *wrapper,
            *GRADFLAT,
            "up",
            "--port",
            "0",
            "--data-dir",
            str(data_dir),
            *options,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **FAST, **environment},
    )
    stack = Stack(data_dir, process, {**FAST, **environment})
    try:
        output = cast("IO[str]", process.stdout)
        stack.line = output.readline()
        found = connection.read(data_dir)
        assert found is not None, f"it did not start\n{stack.logs()}"
        stack.url, stack.key = found.url, found.api_key
        stack.stores = open_stores(
            Settings(
                data_dir=data_dir,
                database_url=environment.get("GRADFLAT_DATABASE_URL"),
            )
        )
        yield stack
    finally:
        if stack.stores is not None:
            stack.stores.engine.dispose()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        finally:
            process.kill()
            process.wait()
            cast("IO[str]", process.stdout).close()
