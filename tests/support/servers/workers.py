"""Worker processes, found below Celery's main process."""

import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from service.stores.bundle import Stores
from tests.support.servers import procs
from tests.support.servers.waiting import until

END_S = 20.0


@final
@dataclass(frozen=True)
class Worker:
    """A worker, by the id of its main process."""

    pid: int

    def pool_child(self) -> int:
        """Celery's pool process, which supervises."""

        def look() -> int:
            below = procs.children(self.pid)
            return next((p for p in below if "spawn_main" in procs.command(p)), 0)

        return until(look, what="the pool process")

    def runners(self) -> set[int]:
        """The runners, the spare one included."""
        below = procs.children(self.pool_child())
        return {p for p in below if "worker.runner" in procs.command(p)}

    def at_work(self) -> int:
        """The runner that computes a shard; 0 if there is none."""
        folders = ((p, Path(f"/proc/{p}/cwd/shard")) for p in self.runners())
        return next((p for p, folder in folders if folder.exists()), 0)

    def runner(self) -> int:
        """The runner that computes a shard, waited for."""
        return until(self.at_work, what="a runner at work")


@contextmanager
def running_worker(
    command: tuple[str, ...], stores: Stores, environment: Mapping[str, str]
) -> Generator[Worker]:
    """A worker that has reported, drained afterwards.

    Args:
        command: Starts it.
        stores: Where it reports.
        environment: Its own.
    """
    before = {worker.id for worker in stores.workers.live()}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        until(
            lambda: {worker.id for worker in stores.workers.live()} - before,
            what="a worker's first sign",
            seconds=60.0,
        )
        yield Worker(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        finally:
            process.kill()
            process.wait()
