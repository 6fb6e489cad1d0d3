"""Events: the history of a job, numbered from 1."""

from datetime import datetime

from pydantic import JsonValue

from service.schemas.base import JobId, Schema


class Event(Schema):
    """One thing that happened to a job."""

    sequence: int
    job_id: JobId
    type: str
    """`state`, `phase`, `progress`, `point`, `log` or `done`."""
    at: datetime
    data: dict[str, JsonValue]


class EventPage(Schema):
    """Events in order; ask again `after` the last sequence number."""

    items: list[Event]
    next_after: int
    """The sequence number to give as `after` for what follows."""
