"""Workers that have reported lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine, select

from service.stores.sql.clock import moment, now_ms
from service.stores.sql.database import insert, read, write
from service.stores.sql.tables import workers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker as it last reported."""

    id: str
    device: str
    version: str
    seen_at: datetime
    runner_bytes: int
    """Memory of the runner at work, 0 while there is none."""


@final
class WorkerStore:
    """Heartbeats of workers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(
        self, worker_id: str, *, device: str, version: str, runner_bytes: int = 0
    ) -> None:
        """Records that the worker is alive, and the memory of its runner."""
        told = {"device": device, "version": version, "runner_bytes": runner_bytes}
        with write(self._engine) as connection:
            statement = insert(connection, workers).values(
                id=worker_id, seen_at=now_ms(), **told
            )
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[workers.c.id],
                    set_={**told, "seen_at": now_ms()},
                )
            )

    def live(self, *, within_seconds: float = 60.0) -> list[WorkerRecord]:
        """Returns the workers that reported lately, by id."""
        with read(self._engine) as connection:
            rows = connection.execute(
                select(workers)
                .where(workers.c.seen_at > now_ms() - round(within_seconds * 1000))
                .order_by(workers.c.id)
            ).all()
        return [
            WorkerRecord(
                id=row.id,
                device=row.device,
                version=row.version,
                seen_at=moment(row.seen_at),
                runner_bytes=row.runner_bytes,
            )
            for row in rows
        ]
