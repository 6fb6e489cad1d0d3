"""Workers that have reported lately."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """A worker as it last reported."""

    id: str
    device: str
    version: str
    seen_at: datetime


@final
class WorkerStore:
    """Heartbeats of workers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, worker_id: str, *, device: str, version: str) -> None:
        """Records that the worker is alive."""
        raise NotImplementedError

    def live(self, *, within_seconds: float = 60.0) -> list[WorkerRecord]:
        """Returns the workers that reported lately, by id."""
        raise NotImplementedError
