"""Events: a job's history, written in the transaction of each change."""

import json
from dataclasses import dataclass
from typing import Literal, final

from pydantic import JsonValue
from sqlalchemy import Engine, select

from service.schemas.events import Event
from service.stores.clock import moment
from service.stores.database import read
from service.stores.job_records import find_job
from service.stores.tables import events

_LAST = 2**31 - 1  # of the column


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

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.
        """
        with read(self._engine) as connection:
            find_job(connection, tenant, job_id)
            rows = connection.execute(
                select(events)
                .where(
                    events.c.tenant == tenant,
                    events.c.job_id == job_id,
                    events.c.sequence > min(after, _LAST),
                )
                .order_by(events.c.sequence)
                .limit(limit)
            ).all()
        return [
            Event(
                sequence=row.sequence,
                job_id=row.job_id,
                type=row.type,
                at=moment(row.at),
                data=json.loads(row.data),
            )
            for row in rows
        ]
