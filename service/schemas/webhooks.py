"""Webhooks: addresses that are told of the end of jobs, and what was sent there."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import JobId, Schema

WebhookId = Annotated[str, Field(pattern=r"^webhook_[0-9a-f]{32}$")]
DeliveryId = Annotated[str, Field(pattern=r"^delivery_[0-9a-f]{32}$")]

EventName = Literal["job.succeeded", "job.failed", "job.cancelled", "job.expired"]
ALL_EVENTS: list[EventName] = [
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.expired",
]


class WebhookRequest(Schema):
    """An address to register."""

    url: Annotated[str, Field(min_length=1, max_length=2048)]
    """Of a server in the public network, by HTTPS."""
    events: Annotated[list[EventName], Field(min_length=1, max_length=4)] = ALL_EVENTS
    """What it wants to be told of."""


class Webhook(Schema):
    """A registered address."""

    id: WebhookId
    object: Literal["webhook"]
    url: str
    events: list[EventName]
    old_secrets_until: datetime | None
    """Until when earlier secrets sign as well; null if there was none."""
    created_at: datetime


class NewWebhook(Webhook):
    """A registered address, with the newest secret that signs its messages."""

    secret: str
    """As Standard Webhooks has it, `whsec_...`; it is shown this once."""


class SecretRotation(Schema):
    """How one secret gives way to the next."""

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400
    """Time in which the secrets that sign now go on to do so."""


class WebhookList(Schema):
    """All registered addresses, oldest first."""

    items: list[Webhook]


class Delivery(Schema):
    """A message to an address, and what became of it."""

    id: DeliveryId
    """The `webhook-id` of the message, the same in every attempt."""
    object: Literal["delivery"]
    webhook_id: WebhookId
    job_id: JobId
    type: EventName
    state: str
    """`pending`, `delivered`, or `failed` when no attempt is left."""
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    """HTTP status of the last answer."""
    last_error: str | None
    """Why there was no answer: `address_refused`, `unresolved`, `unreachable`,
    `timed_out`."""
    created_at: datetime
    delivered_at: datetime | None


class DeliveryPage(Schema):
    """Messages, newest first."""

    items: list[Delivery]
    next_cursor: str | None


class JobSummary(Schema):
    """The job that a message is about."""

    id: JobId
    state: str
    error: str | None
    """Code of the error, if it failed."""
    url: str
    """Path of the job on its server."""


class WebhookMessage(Schema):
    """The body of a message."""

    type: EventName
    timestamp: datetime
    data: JobSummary
