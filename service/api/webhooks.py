"""Webhooks: register addresses, renew secrets, see what was sent, send it again."""

from fastapi import APIRouter, Response

from service.api.paging import Cursor, Limit
from service.dependencies import JobReader, JobWriter, Resources, ResourcesDep
from service.http.json_routes import JsonRoute
from service.operations.webhooks.addresses import check_url
from service.problems.documentation import problems
from service.schemas.webhooks import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    SecretRotation,
    Webhook,
    WebhookList,
    WebhookRequest,
)
from service.stores.webhooks.deliveries import DeliveryRecord
from service.stores.webhooks.webhooks import WebhookRecord

router = APIRouter(
    prefix="/webhooks", tags=["webhooks"], responses=problems(), route_class=JsonRoute
)


@router.post("", status_code=201, responses=problems(408, 409, 413, 415))
def create_webhook(
    *,
    principal: JobWriter,
    resources: ResourcesDep,
    response: Response,
    body: WebhookRequest,
) -> NewWebhook:
    """Registers an address that is told when a job ends.

    Messages are signed as Standard Webhooks has it, with the secret in this answer.
    """
    check_url(body.url, private=resources.settings.webhooks_to_private)
    record = resources.stores.webhooks.create(principal.tenant, body.url, body.events)
    response.headers["Location"] = f"/v1/webhooks/{record.id}"
    return _with_secret(record, resources)


@router.get("")
def list_webhooks(*, principal: JobReader, resources: ResourcesDep) -> WebhookList:
    """Returns all registered addresses."""
    records = resources.stores.webhooks.list(principal.tenant)
    return WebhookList(items=[_webhook(record) for record in records])


@router.get("/{webhook_id}", responses=problems(404))
def get_webhook(
    *, principal: JobReader, webhook_id: str, resources: ResourcesDep
) -> Webhook:
    """Returns one registered address."""
    return _webhook(resources.stores.webhooks.get(principal.tenant, webhook_id))


@router.post("/{webhook_id}/secret/rotate", responses=problems(404, 408, 413, 415))
def rotate_webhook_secret(
    *,
    principal: JobWriter,
    webhook_id: str,
    resources: ResourcesDep,
    body: SecretRotation,
) -> NewWebhook:
    """Gives an address a new secret, which signs its messages from now on.

    Until the overlap ends, messages carry a signature for each secret, of the five
    newest at most. A rotation whose answer was lost can be repeated.
    """
    record = resources.stores.webhooks.rotate_secret(
        principal.tenant, webhook_id, overlap_seconds=body.overlap_seconds
    )
    return _with_secret(record, resources)


@router.delete("/{webhook_id}", status_code=204, responses=problems(404))
def delete_webhook(
    *, principal: JobWriter, webhook_id: str, resources: ResourcesDep
) -> None:
    """Deletes an address; what was to be sent there is not sent."""
    resources.stores.webhooks.delete(principal.tenant, webhook_id)


@router.get("/{webhook_id}/deliveries", responses=problems(404))
def list_deliveries(
    *,
    principal: JobReader,
    webhook_id: str,
    resources: ResourcesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeliveryPage:
    """Returns a page of the messages of the last 30 days, newest first."""
    records, following = resources.stores.deliveries.list(
        principal.tenant, webhook_id, limit=limit, cursor=cursor
    )
    return DeliveryPage(
        items=[_delivery(record) for record in records], next_cursor=following
    )


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=202,
    responses=problems(404),
)
def resend_delivery(
    *, principal: JobWriter, webhook_id: str, delivery_id: str, resources: ResourcesDep
) -> Delivery:
    """Sends a message again, whatever became of it, with all its attempts."""
    return _delivery(
        resources.stores.deliveries.resend(principal.tenant, webhook_id, delivery_id)
    )


def _webhook(record: WebhookRecord) -> Webhook:
    return Webhook(
        id=record.id,
        object="webhook",
        url=record.url,
        events=record.events,
        old_secrets_until=record.old_secrets_until,
        created_at=record.created_at,
    )


def _with_secret(record: WebhookRecord, resources: Resources) -> NewWebhook:
    secret = resources.signer.secret(record.id, record.secret)
    return NewWebhook(**_webhook(record).model_dump(), secret=secret)


def _delivery(record: DeliveryRecord) -> Delivery:
    undone = "failed" if record.due_at is None else "pending"
    return Delivery(
        id=record.id,
        object="delivery",
        webhook_id=record.webhook_id,
        job_id=record.job_id,
        type=record.type,
        state=undone if record.delivered_at is None else "delivered",
        attempts=record.attempts,
        next_attempt_at=record.due_at,
        last_status=record.last_status,
        last_error=record.last_error,
        created_at=record.created_at,
        delivered_at=record.delivered_at,
    )
