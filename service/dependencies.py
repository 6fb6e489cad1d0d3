"""What endpoints ask for by type: stores, operations, and who is asking."""

import math
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast, final

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from service.errors import (
    FileNotFound,
    InsufficientScope,
    JobNotFound,
    RateLimited,
    Unauthorized,
    UploadNotFound,
)
from service.operations.following import Followers
from service.operations.metrics import RequestMetrics
from service.operations.rates import Allowance
from service.operations.results import Results
from service.operations.resumable import ResumableUploads
from service.operations.shared_rates import Rates
from service.operations.submission import Submission
from service.operations.webhooks.signatures import Signer
from service.queue import ShardQueue
from service.settings import Settings
from service.stores.bundle import Stores
from service.stores.files.files import FileStore
from service.stores.jobs.events import EventStore
from service.stores.jobs.jobs import JobStore
from service.stores.keys import Principal
from service.stores.sql.identifiers import is_id


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one application works with."""

    settings: Settings
    stores: Stores
    queue: ShardQueue
    submission: Submission
    results: Results
    uploads: ResumableUploads
    followers: Followers
    rates: Rates
    requests: RequestMetrics
    signer: Signer
    draining: threading.Event
    """Set when the process is about to stop."""
    probes: CapacityLimiter
    """Threads that health checks may hold, since anyone may ask for them."""


async def _resources(request: Request) -> Resources:
    return cast("Resources", request.app.state.resources)


ResourcesDep = Annotated[Resources, Depends(_resources)]


async def _files(resources: ResourcesDep) -> FileStore:
    return resources.stores.files


async def _jobs(resources: ResourcesDep) -> JobStore:
    return resources.stores.jobs


async def _events(resources: ResourcesDep) -> EventStore:
    return resources.stores.events


async def _followers(resources: ResourcesDep) -> Followers:
    return resources.followers


async def _submission(resources: ResourcesDep) -> Submission:
    return resources.submission


async def _results(resources: ResourcesDep) -> Results:
    return resources.results


async def _uploads(resources: ResourcesDep) -> ResumableUploads:
    return resources.uploads


async def _settings(resources: ResourcesDep) -> Settings:
    return resources.settings


FileStoreDep = Annotated[FileStore, Depends(_files)]
JobStoreDep = Annotated[JobStore, Depends(_jobs)]
EventStoreDep = Annotated[EventStore, Depends(_events)]
FollowersDep = Annotated[Followers, Depends(_followers)]
SubmissionDep = Annotated[Submission, Depends(_submission)]
ResultsDep = Annotated[Results, Depends(_results)]
ResumableUploadsDep = Annotated[ResumableUploads, Depends(_uploads)]
SettingsDep = Annotated[Settings, Depends(_settings)]

_bearer = HTTPBearer(auto_error=False, description="An API key, `gfk_...`.")


def _enforce(request: Request, allowance: Allowance) -> None:
    """Leaves the allowance to the headers of the answer, and refuses without one."""
    request.state.allowance = allowance
    if allowance.retry_after_s:
        policy = allowance.policy
        raise RateLimited(
            f"At most {policy.per_second:g} {policy.name} a second for long",
            headers={"Retry-After": str(math.ceil(allowance.retry_after_s))},
        )


async def authenticate(request: Request) -> Principal:
    """Returns who is asking, within the key's rate; looked up once for each request.

    Raises:
        Unauthorized: If there is no valid key.
    """
    known: Principal | None = getattr(request.state, "principal", None)
    if known is not None:
        return known
    resources = await _resources(request)
    credentials = await _bearer(request)
    secret = "" if credentials is None else credentials.credentials
    _enforce(request, await resources.rates.requests.admit(secret))
    principal = await run_in_threadpool(resources.stores.keys.authenticate, secret)
    if principal is None:
        raise Unauthorized("Send `Authorization: Bearer KEY` with a valid key")
    request.state.principal = principal
    return principal


async def _principal(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    return await authenticate(request)


PrincipalDep = Annotated[Principal, Depends(_principal)]


@final
@dataclass(frozen=True, slots=True)
class Holding:
    """Lets in whoever holds a scope, and counts what it writes."""

    scope: str

    async def __call__(
        self, request: Request, resources: ResourcesDep, principal: PrincipalDep
    ) -> Principal:
        """Returns who is asking.

        Raises:
            InsufficientScope: If the key lacks the scope.
        """
        if self.scope not in principal.scopes:
            raise InsufficientScope(f"The key needs the scope {self.scope}")
        if self.scope.endswith(":write"):
            _enforce(request, await resources.rates.writes.admit(principal.key_id))
        return principal


FileReader = Annotated[Principal, Depends(Holding("files:read"))]
FileWriter = Annotated[Principal, Depends(Holding("files:write"))]
JobReader = Annotated[Principal, Depends(Holding("jobs:read"))]
MetricsReader = Annotated[Principal, Depends(Holding("metrics:read"))]
JobWriter = Annotated[Principal, Depends(Holding("jobs:write"))]


async def _abandoned(
    request: Request, resources: ResourcesDep
) -> Callable[[], Awaitable[bool]]:
    async def abandoned() -> bool:
        return resources.draining.is_set() or await request.is_disconnected()

    return abandoned


AbandonedDep = Annotated[Callable[[], Awaitable[bool]], Depends(_abandoned)]
"""Whether there is no point in waiting any longer before an answer."""


async def _file_id(file_id: str) -> str:
    if not is_id("file", file_id):
        raise FileNotFound("There is no such file")
    return file_id


async def _upload_id(upload_id: str) -> str:
    if not is_id("upload", upload_id):
        raise UploadNotFound("There is no such upload")
    return upload_id


async def _job_id(job_id: str) -> str:
    if not is_id("job", job_id):
        raise JobNotFound("There is no such job")
    return job_id


FileIdDep = Annotated[str, Depends(_file_id)]
UploadIdDep = Annotated[str, Depends(_upload_id)]
JobIdDep = Annotated[str, Depends(_job_id)]
