"""Events: what has happened to a job."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.dependencies import EventStoreDep, JobIdDep, JobReader
from service.problems.documentation import problems
from service.schemas.events import EventPage

router = APIRouter(
    prefix="/jobs/{job_id}/events", tags=["events"], responses=problems()
)


@router.get("", responses=problems(404, 410))
def list_job_events(
    *,
    principal: JobReader,
    job_id: JobIdDep,
    events: EventStoreDep,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EventPage:
    """Returns events in order, those after a sequence number."""
    items = events.list(principal.tenant, job_id, after=after, limit=limit)
    return EventPage(items=items, next_after=items[-1].sequence if items else after)
