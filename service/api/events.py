"""Events: what has happened to a job, and what happens."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from service.dependencies import (
    EventStoreDep,
    FollowersDep,
    JobIdDep,
    JobReader,
    JobStoreDep,
)
from service.http import event_streams
from service.problems.documentation import problems
from service.schemas.events import EventPage

router = APIRouter(
    prefix="/jobs/{job_id}/events", tags=["events"], responses=problems()
)

After = Annotated[
    int, Query(ge=0, le=2**53, description="Sequence number of the last known event.")
]
EventType = Annotated[
    str | None,
    Query(
        alias="type",
        max_length=16,
        pattern="^[a-z]+$",
        description="Only events of this type; `log` is the job's log.",
    ),
]


@router.get("", responses=problems(404, 410))
def list_job_events(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    events: EventStoreDep,
    after: After = 0,
    event_type: EventType = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EventPage:
    """Returns events in order, those after a sequence number."""
    items = events.history(
        principal.tenant, job_id, after=after, limit=limit, kind=event_type
    ).events
    return EventPage(items=items, next_after=items[-1].sequence if items else after)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={**event_streams.DOCUMENTATION, **problems(404, 410)},
)
async def stream_job_events(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    jobs: JobStoreDep,
    followers: FollowersDep,
    after: After = 0,
    last_event_id: event_streams.LastEventId = None,
) -> StreamingResponse:
    """Sends events as they happen, beginning with those that are there, to `done`.

    The id of each is its sequence number; its data is the event as JSON. A client that
    was cut off goes on with `Last-Event-ID`, without a gap or a repetition. A stream
    ends after 15 minutes, and where its client does not keep up.
    """
    await run_in_threadpool(jobs.get, principal.tenant, job_id)
    followers.check_room(principal.tenant)
    known = after if last_event_id is None else int(last_event_id)
    return event_streams.event_stream(
        followers.batches(principal.tenant, job_id, after=known)
    )
