"""Who is asking, what this server can do, and whether it is well."""

from typing import Literal

from service.schemas.base import Schema

TENANT_SCOPES = ("files:read", "files:write", "jobs:read", "jobs:write")
"""Rights to what is a tenant's."""
SCOPES = (*TENANT_SCOPES, "metrics:read")
"""Rights that a key may have; the last is to what concerns all tenants."""


class Quotas(Schema):
    """What a tenant may hold at most."""

    stored_bytes: int
    files: int
    active_jobs: int
    device_seconds: int
    """Time for which its jobs hold workers, over the last 30 days."""


class Usage(Schema):
    """What a tenant holds now, with files that are being uploaded."""

    stored_bytes: int
    files: int
    active_jobs: int
    device_seconds: int


class Me(Schema):
    """The key's tenant, its rights and its use of the quotas."""

    tenant: str
    key_id: str
    scopes: list[str]
    quotas: Quotas
    usage: Usage


class Limits(Schema):
    """Bounds on one job and on one file."""

    upload_bytes: int
    parameters: int
    dense_parameters: int
    """Up to this many parameters the Hessian is formed and measures are exact."""
    samples: int
    starts: int
    gradient_evaluations: int
    memory_bytes: int
    """Of one job, as estimated, beside what the libraries take."""
    memory_budget_bytes: int
    """Of a batch of runs; more runs take turns. A single run may take more."""
    time_limit_seconds: int


class Capabilities(Schema):
    """Kinds, limits and versions of this server."""

    version: str
    problems: list[str]
    architectures: list[str]
    layers: list[str]
    activations: list[str]
    datasets: list[str]
    builtin_datasets: list[str]
    transforms: list[str]
    losses: list[str]
    starts: list[str]
    finders: list[str]
    spectra: list[str]
    precisions: list[str]
    devices: list[str]
    """Devices of workers that have reported recently."""
    limits: Limits


class HealthCheck(Schema):
    """One thing that the server needs."""

    name: str
    ok: bool
    detail: str | None
    """What is missing; null if nothing is."""


class Health(Schema):
    """Whether the server can do its work."""

    status: Literal["ok", "unavailable"]
    checks: list[HealthCheck]
