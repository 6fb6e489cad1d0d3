"""Events: a job's history, written in the transaction of each change."""

import json
from dataclasses import dataclass
from typing import Literal, final

from pydantic import JsonValue
from sqlalchemy import Engine, select

from service.schemas.events import Event
from service.schemas.jobs import TERMINAL_STATES
from service.stores.jobs.records import find_job
from service.stores.sql.clock import moment
from service.stores.sql.database import AnyRow, read
from service.stores.sql.tables import events

_LAST = 2**31 - 1  # of the column


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What a worker reports beside its phase and progress."""

    type: Literal["point", "log"]
    data: dict[str, JsonValue]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What has happened to a job."""

    events: list[Event]
    is_over: bool
    """Whether the job had ended before the events were read."""


@final
class EventStore:
    """Reads the events of a job."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def history(
        self,
        tenant: str,
        job_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        kind: str | None = None,
    ) -> History:
        """Returns what happened after an event, in order.

        `JobNotFound` if the tenant has no such job, `JobExpired` if its retention has
        ended.

        Args:
            tenant: Whose the job is.
            job_id: The job.
            after: The sequence number of that event.
            limit: How many events at most.
            kind: Only events of this type.
        """
        query = (
            select(events)
            .where(
                events.c.tenant == tenant,
                events.c.job_id == job_id,
                events.c.sequence > min(after, _LAST),
            )
            .order_by(events.c.sequence)
            .limit(limit)
        )
        if kind is not None:
            query = query.where(events.c.type == kind)
        with read(self._engine) as connection:
            job = find_job(connection, tenant, job_id)
            rows = connection.execute(query).all()
        return History(
            events=[_event(row) for row in rows], is_over=job.state in TERMINAL_STATES
        )

    def list(
        self, tenant: str, job_id: str, *, after: int = 0, limit: int = 100
    ) -> list[Event]:
        """Returns the events of `history` alone."""
        return self.history(tenant, job_id, after=after, limit=limit).events


def _event(row: AnyRow) -> Event:
    return Event(
        sequence=row.sequence,
        job_id=row.job_id,
        type=row.type,
        at=moment(row.at),
        data=json.loads(row.data),
    )
