"""The application: rooms put together, and its lifespan."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from service.api import (
    account,
    events,
    files,
    health,
    jobs,
    metrics,
    reports,
    uploads,
    webhooks,
)
from service.dependencies import Resources
from service.http.failures import Failures
from service.http.framing import Framing
from service.http.hosts import TrustedHosts
from service.http.observation import Observation
from service.http.parameters import known_parameters
from service.http.rate_limits import RateLimitHeaders
from service.http.refusals import Refusals
from service.http.request_ids import RequestIds
from service.http.security_headers import SecurityHeaders
from service.http.slow_bodies import SlowBodies
from service.operations.following import Followers
from service.operations.limits import limits, rates
from service.operations.metrics import RequestMetrics
from service.operations.results import Results
from service.operations.resumable import ResumableUploads
from service.operations.submission import Submission
from service.operations.webhooks.delivering import Deliverer
from service.operations.webhooks.signatures import Signer
from service.problems import handlers
from service.problems.documentation import document
from service.queue import CeleryQueue, ShardQueue
from service.reconciler import Reconciler
from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.keys import load_pepper
from service.stores.sql.schema import migrate

_DESCRIPTION = (
    "Upload weights and data, describe a job, and read a report that labels every "
    "point found as critical, gradient-flat or unconverged."
)


def create_app(settings: Settings, *, queue: ShardQueue | None = None) -> FastAPI:
    """The HTTP front end of a deployment; it touches nothing before it is started.

    Args:
        settings: Of the deployment.
        queue: Where shards are announced; null is the broker of the settings.

    Returns:
        An ASGI application.
    """
    requests = RequestMetrics()
    app = FastAPI(
        title="gradflat",
        version=version("gradflat"),
        summary="Critical-point analyses of neural-network losses, on demand.",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=partial(_lifespan, settings, queue, requests),
        middleware=[
            Middleware(RequestIds),
            Middleware(Observation, metrics=requests),
            Middleware(SecurityHeaders),
            Middleware(RateLimitHeaders),
            Middleware(Failures),
            Middleware(TrustedHosts, allowed=settings.allowed_hosts),
            Middleware(Refusals),
            Middleware(Framing),
            Middleware(
                SlowBodies,
                pause_s=settings.body_idle_seconds,
                bytes_per_second=settings.body_bytes_per_second,
            ),
        ],
    )
    routers = APIRouter(prefix="/v1", dependencies=[Depends(known_parameters)])
    for room in (
        health,
        metrics,
        account,
        files,
        uploads,
        jobs,
        events,
        reports,
        webhooks,
    ):
        routers.include_router(room.router)
    app.include_router(routers)
    handlers.install(app)
    app.openapi = partial(document, app)
    return app


@asynccontextmanager
async def _lifespan(
    settings: Settings,
    queue: ShardQueue | None,
    requests: RequestMetrics,
    app: FastAPI,
) -> AsyncGenerator[None]:
    resources = await run_in_threadpool(_open, settings, queue, requests)
    app.state.resources = resources
    stores = resources.stores
    stopping = threading.Event()
    reconciling = threading.Thread(
        target=Reconciler(stores, resources.queue, settings).run,
        args=(stopping,),
        daemon=True,
    )
    reconciling.start()
    deliverer = Deliverer(stores.deliveries, resources.signer, settings)
    delivering = asyncio.create_task(deliverer.run())
    try:
        yield
    finally:
        stopping.set()
        delivering.cancel()
        await asyncio.wait([delivering])
        await run_in_threadpool(reconciling.join)
        await resources.rates.close()
        stores.engine.dispose()


def drain(app: FastAPI) -> None:
    """Ends streams and waiting answers of an application that is about to stop."""
    resources: Resources = app.state.resources
    resources.draining.set()
    resources.followers.close()


def _open(
    settings: Settings, queue: ShardQueue | None, requests: RequestMetrics
) -> Resources:
    stores = open_stores(settings)
    migrate(stores.engine)
    queue = queue or CeleryQueue(settings.broker_url)
    return Resources(
        settings=settings,
        stores=stores,
        queue=queue,
        submission=Submission(
            files=stores.files,
            jobs=stores.jobs,
            shards=stores.shards,
            queue=queue,
            limits=limits(settings),
            starts_per_shard=settings.starts_per_shard,
            max_attempts=settings.max_attempts,
            start_within_seconds=settings.start_within_seconds,
        ),
        results=Results(jobs=stores.jobs, blobs=stores.blobs),
        uploads=ResumableUploads(
            records=stores.uploads,
            files=stores.files,
            drafts=stores.drafts,
            limit_bytes=settings.upload_limit_bytes,
        ),
        followers=Followers(stores.events),
        rates=rates(settings),
        requests=requests,
        signer=Signer(load_pepper(settings)),
        draining=threading.Event(),
        probes=CapacityLimiter(2),
    )
