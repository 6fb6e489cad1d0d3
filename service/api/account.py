"""The caller's account, and what the server can do."""

from fastapi import APIRouter

from service.dependencies import PrincipalDep, ResourcesDep
from service.operations.capabilities import capabilities
from service.problems.documentation import problems
from service.schemas.account import Capabilities, Me

router = APIRouter(tags=["account"], responses=problems())


@router.get("/me")
def get_me(principal: PrincipalDep, resources: ResourcesDep) -> Me:
    """Returns the key's tenant, its scopes, its quotas and what it uses of them."""
    return Me(
        tenant=principal.tenant,
        key_id=principal.key_id,
        scopes=sorted(principal.scopes),
        quotas=resources.settings.quotas,
        usage=resources.stores.jobs.usage(principal.tenant),
    )


@router.get("/capabilities")
def get_capabilities(_: PrincipalDep, resources: ResourcesDep) -> Capabilities:
    """Returns the kinds, limits, versions and devices of this server."""
    workers = resources.stores.workers.live()
    devices = sorted({worker.device for worker in workers})
    return capabilities(resources.settings, devices)
