"""Deliveries of webhook messages: due ones are claimed, sent, and accounted for."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Connection, Engine, Update, delete, select, update

from service.errors import DeliveryNotFound
from service.schemas.webhooks import EventName
from service.stores.sql import cursors
from service.stores.sql.clock import moment, moment_or_none, now_ms
from service.stores.sql.database import AnyRow, read, write
from service.stores.sql.identifiers import is_id
from service.stores.sql.tables import deliveries, webhooks
from service.stores.webhooks.webhooks import FIRST_SECRET, find_webhook

_CLAIM_MS = 60_000
"""Time for one attempt; then another process may make one."""
_MOST_SECRETS = 5
"""Signatures of a message."""
_OLDEST = FIRST_SECRET.label("oldest")
_KEPT_MS = 30 * 86_400_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A message and what became of it."""

    tenant: str
    id: str
    webhook_id: str
    job_id: str
    type: EventName
    attempts: int
    due_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A message to be sent now, by us alone."""

    tenant: str
    id: str
    webhook_id: str
    url: str
    secrets: range
    """Numbers of the secrets that sign it."""
    payload: str
    attempt: int
    claimed_until: int
    """End of the claim, in milliseconds since 1970: it tells this claim from others."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended: with a status, or with the reason why there is none."""

    status: int | None = None
    error: str | None = None
    retry_seconds: float | None = None
    """Until the next attempt; None if it was delivered, or is given up."""
    delivered: bool = False


@final
class DeliveryStore:
    """The messages of all tenants."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self) -> DueDelivery | None:
        """Returns the message that is due for longest, if one is.

        Nobody else gets it for a minute. While none is due, nothing is written.
        """
        is_due = deliveries.c.due_at <= now_ms()
        with read(self._engine) as connection:
            if (
                connection.execute(select(deliveries.c.id).where(is_due)).first()
                is None
            ):
                return None
        with write(self._engine) as connection:
            row = connection.execute(
                select(deliveries, webhooks.c.url, webhooks.c.secret, _OLDEST)
                .join(webhooks)
                .where(is_due)
                .order_by(deliveries.c.due_at)
                .limit(1)
                .with_for_update(of=deliveries, skip_locked=True)
            ).one_or_none()
            if row is None:
                return None
            claimed = connection.execute(
                _one(row.tenant, row.id)
                .values(due_at=now_ms() + _CLAIM_MS, attempts=row.attempts + 1)
                .returning(deliveries.c.attempts, deliveries.c.due_at)
            ).one()
        return DueDelivery(
            tenant=row.tenant,
            id=row.id,
            webhook_id=row.webhook_id,
            url=row.url,
            secrets=range(
                max(row.oldest, row.secret + 1 - _MOST_SECRETS), row.secret + 1
            ),
            payload=row.payload,
            attempt=claimed.attempts,
            claimed_until=claimed.due_at,
        )

    def settle(self, due: DueDelivery, outcome: Outcome) -> bool:
        """Records how an attempt ended.

        Returns:
            Whether it counts: not if the message was claimed or re-sent meanwhile.
        """
        later = outcome.retry_seconds
        with write(self._engine) as connection:
            settled = connection.execute(
                _one(due.tenant, due.id)
                .where(deliveries.c.due_at == due.claimed_until)
                .values(
                    last_status=outcome.status,
                    last_error=outcome.error,
                    due_at=None if later is None else now_ms() + round(1000 * later),
                    delivered_at=now_ms() if outcome.delivered else None,
                )
            )
        return settled.rowcount == 1

    def list(
        self, tenant: str, webhook_id: str, *, limit: int, cursor: str | None = None
    ) -> tuple[list[DeliveryRecord], str | None]:
        """Returns a page of a webhook's messages, newest first, and the next cursor.

        `WebhookNotFound` if the tenant has no such webhook, `BadCursor` if the cursor
        is not from here.
        """
        query = (
            select(deliveries)
            .where(deliveries.c.tenant == tenant, deliveries.c.webhook_id == webhook_id)
            .order_by(deliveries.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            query = query.where(deliveries.c.id < cursors.decode("delivery", cursor))
        with read(self._engine) as connection:
            find_webhook(connection, tenant, webhook_id)
            records = [_record(row) for row in connection.execute(query)]
        return cursors.page(records, limit)

    def resend(self, tenant: str, webhook_id: str, delivery_id: str) -> DeliveryRecord:
        """Returns a message that is due again, with all its attempts.

        `WebhookNotFound` or `DeliveryNotFound` if the tenant has no such thing.
        """
        with write(self._engine) as connection:
            find_webhook(connection, tenant, webhook_id)
            _find(connection, tenant, webhook_id, delivery_id)
            connection.execute(
                _one(tenant, delivery_id).values(
                    due_at=now_ms(), attempts=0, delivered_at=None
                )
            )
            return _record(_find(connection, tenant, webhook_id, delivery_id))


def forget_old_deliveries(connection: Connection) -> int:
    """Returns how many messages were older than 30 days; they are gone."""
    old = deliveries.c.created_at <= now_ms() - _KEPT_MS
    return connection.execute(delete(deliveries).where(old)).rowcount


def _one(tenant: str, delivery_id: str) -> Update:
    return update(deliveries).where(
        deliveries.c.tenant == tenant, deliveries.c.id == delivery_id
    )


def _find(
    connection: Connection, tenant: str, webhook_id: str, delivery_id: str
) -> AnyRow:
    if is_id("delivery", delivery_id):
        row = connection.execute(
            select(deliveries).where(
                deliveries.c.tenant == tenant,
                deliveries.c.webhook_id == webhook_id,
                deliveries.c.id == delivery_id,
            )
        ).one_or_none()
        if row is not None:
            return row
    raise DeliveryNotFound("There is no such delivery.")


def _record(row: AnyRow) -> DeliveryRecord:
    return DeliveryRecord(
        tenant=row.tenant,
        id=row.id,
        webhook_id=row.webhook_id,
        job_id=row.job_id,
        type=row.type,
        attempts=row.attempts,
        due_at=moment_or_none(row.due_at),
        last_status=row.last_status,
        last_error=row.last_error,
        created_at=moment(row.created_at),
        delivered_at=moment_or_none(row.delivered_at),
    )
