"""How things stand in the whole deployment: numbers of rows and their ages."""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Column, Connection, Engine, func, select

from service.schemas.priorities import PRIORITIES, Priority
from service.stores.sql.clock import now_ms
from service.stores.sql.database import read
from service.stores.sql.tables import jobs, shards


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The queue of one priority."""

    jobs: int
    oldest_seconds: float
    """How long its oldest job has been queued; 0 if there is none."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The state of all jobs, shards and leases."""

    jobs: dict[str, int]
    """By state."""
    shards: dict[str, int]
    """By state; the running ones are under a lease."""
    waiting: dict[Priority, Waiting]
    overdue_leases: int
    """Whose time is up, and which no reconciler has ended yet."""
    silence_seconds: float
    """Since the renewal of the lease that has not been renewed for longest."""


def take_census(engine: Engine) -> Census:
    """Returns how things stand now."""
    with read(engine) as connection:
        now = connection.execute(select(now_ms())).scalar_one()
        running = shards.c.state == "running"
        overdue, renewed_at = connection.execute(
            select(
                func.count().filter(shards.c.lease_expires_at <= now),
                func.min(shards.c.renewed_at),
            ).where(running)
        ).one()
        return Census(
            jobs=_by_state(connection, jobs.c.state),
            shards=_by_state(connection, shards.c.state),
            waiting=_waiting(connection, now),
            overdue_leases=overdue,
            silence_seconds=0.0 if renewed_at is None else (now - renewed_at) / 1000,
        )


def _by_state(connection: Connection, state: Column[str]) -> dict[str, int]:
    rows = connection.execute(select(state, func.count()).group_by(state))
    return {row[0]: row[1] for row in rows}


def _waiting(connection: Connection, now: int) -> dict[Priority, Waiting]:
    waiting: dict[Priority, Waiting] = {
        it: Waiting(jobs=0, oldest_seconds=0.0) for it in PRIORITIES
    }
    rows = connection.execute(
        select(jobs.c.priority, func.count(), func.min(jobs.c.queued_at))
        .where(jobs.c.state == "queued")
        .group_by(jobs.c.priority)
    )
    for priority, number, oldest in rows:
        waiting[PRIORITIES[priority]] = Waiting(
            jobs=number, oldest_seconds=(now - oldest) / 1000
        )
    return waiting
