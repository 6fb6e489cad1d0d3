"""Events: a job's history, written in the transaction of each change."""

from dataclasses import dataclass
from typing import Literal, final

from pydantic import JsonValue
from sqlalchemy import Engine

from service.schemas.events import Event


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What a worker reports beside its phase and progress."""

    type: Literal["point", "log"]
    data: dict[str, JsonValue]


@final
class EventStore:
    """Reads the events of a job."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(
        self, tenant: str, job_id: str, *, after: int = 0, limit: int = 100
    ) -> list[Event]:
        """Returns events with a sequence number above `after`, in order.

        Raises:
            JobNotFound: If the tenant has no such job.
            JobExpired: If its retention has ended.
        """
        raise NotImplementedError
