"""Metrics: for whoever watches over the deployment."""

from fastapi import APIRouter
from starlette.responses import Response

from service.dependencies import MetricsReader, ResourcesDep
from service.operations import exposition
from service.operations.metrics import metrics
from service.problems.documentation import problems

router = APIRouter(tags=["metrics"], responses=problems())


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "A page in the text format of Prometheus",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def get_metrics(*, _: MetricsReader, resources: ResourcesDep) -> Response:
    """Returns what is measured: requests, queues, leases, attempts, workers."""
    page = metrics(resources.stores, resources.requests)
    return Response(page, media_type=exposition.MEDIA_TYPE)
