"""A stack with a second worker, on a database and a broker of the tests' own."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, text

from service.stores.jobs.jobs import JobRecord
from service.stores.sql.database import read, write
from service.stores.sql.tables import jobs, shards
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.stack import Stack
from tests.support.servers.valkey import ValkeyServer
from tests.support.servers.waiting import until
from tests.support.servers.workers import Worker


@dataclass(frozen=True)
class Site:
    """Everything that can be stopped, frozen or killed."""

    stack: Stack
    database: PostgresServer
    broker: ValkeyServer
    second: Worker

    def workers(self) -> tuple[Worker, Worker]:
        """Both workers."""
        return Worker(self.stack.worker()), self.second

    def jobs(self) -> list[JobRecord]:
        """The latest jobs, without asking the API."""
        assert self.stack.stores is not None
        return self.stack.stores.jobs.list("default", limit=10)[0]

    def shards(self, job_id: str) -> dict[str, int]:
        """A job's shards, each with the pool process that claimed it last, or 0."""
        assert self.stack.stores is not None
        query = select(shards.c.id, shards.c.worker).where(shards.c.job_id == job_id)
        with read(self.stack.stores.engine) as connection:
            rows = connection.execute(query).all()
        return {row.id: int((row.worker or ":0").rpartition(":")[2]) for row in rows}

    @contextmanager
    def both_waiting_for(self, job_id: str) -> Generator[None]:
        """Holds a job's row; within the block both workers wait for it."""
        assert self.stack.stores is not None
        engine = self.stack.stores.engine
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with write(engine) as holder, engine.connect() as observer:
            holder.execute(select(jobs).where(jobs.c.id == job_id).with_for_update())
            observer.execution_options(isolation_level="AUTOCOMMIT")
            until(
                lambda: observer.scalar(text(waiting)) == len(self.workers()),
                what="both workers waiting for the job",
            )
            yield

    def both_at_work(self, job_id: str) -> None:
        """Waits until each worker has claimed a shard of a job."""
        pools = {worker.pool_child() for worker in self.workers()}
        until(
            lambda: pools <= set(self.shards(job_id).values()),
            what="both workers at work",
        )
