"""Health: for supervisors and load balancers, without a key."""

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.responses import Response

from service.dependencies import ResourcesDep
from service.operations.health import readiness
from service.problems.documentation import problems
from service.schemas.account import Health

router = APIRouter(
    prefix="/health", tags=["health"], responses=problems(authenticated=False)
)

_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": Health, "description": "Something is missing"}
}


@router.get("/live")
async def health_live() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok", checks=[])


@router.get("/ready", responses=_UNAVAILABLE)
async def health_ready(resources: ResourcesDep, response: Response) -> Health:
    """Whether requests can be served, and what is missing.

    Jobs are accepted while only broker or workers are away; they run when those are
    back.
    """
    look = partial(
        readiness,
        resources.stores,
        resources.queue,
        draining=resources.draining.is_set(),
    )
    health = await run_sync(look, limiter=resources.probes)
    response.status_code = 200 if health.status == "ok" else 503
    return health
