"""Webhooks: the addresses that a tenant has registered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast, final

from sqlalchemy import Connection, Engine, case, delete, func, select, update

from service.errors import QuotaExceeded, WebhookNotFound
from service.schemas.webhooks import EventName
from service.stores.sql.clock import moment, moment_or_none, now_ms
from service.stores.sql.database import AnyRow, read, write
from service.stores.sql.identifiers import is_id, new_id
from service.stores.sql.tables import webhooks
from service.stores.sql.tenants import lock_tenant

MOST = 20
"""Webhooks that a tenant may have."""
FIRST_SECRET = case(
    (webhooks.c.old_secrets_until > now_ms(), webhooks.c.first_secret),
    else_=webhooks.c.secret,
)
"""Number of the oldest secret that signs now."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecord:
    """A registered address."""

    tenant: str
    id: str
    url: str
    events: list[EventName]
    secret: int
    """Number of the newest secret."""
    old_secrets_until: datetime | None
    created_at: datetime


@final
class WebhookStore:
    """The webhooks of all tenants; every method takes the tenant."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self, tenant: str, url: str, events: Sequence[EventName]
    ) -> WebhookRecord:
        """Returns a new webhook.

        Raises:
            QuotaExceeded: If the tenant has as many as it may.
        """
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            number = select(func.count()).where(webhooks.c.tenant == tenant)
            if connection.execute(number).scalar_one() >= MOST:
                raise QuotaExceeded(f"At most {MOST} webhooks may be registered.")
            row = connection.execute(
                webhooks.insert()
                .values(
                    tenant=tenant,
                    id=new_id("webhook"),
                    url=url,
                    events=" ".join(dict.fromkeys(events)),
                    created_at=now_ms(),
                )
                .returning(webhooks)
            ).one()
        return _record(row)

    def get(self, tenant: str, webhook_id: str) -> WebhookRecord:
        """Returns one webhook.

        `WebhookNotFound` if the tenant has no such webhook.
        """
        with read(self._engine) as connection:
            return _record(find_webhook(connection, tenant, webhook_id))

    def list(self, tenant: str) -> list[WebhookRecord]:
        """Returns all webhooks of a tenant, oldest first."""
        query = select(webhooks).where(webhooks.c.tenant == tenant)
        with read(self._engine) as connection:
            rows = connection.execute(query.order_by(webhooks.c.id)).all()
        return [_record(row) for row in rows]

    def rotate_secret(
        self, tenant: str, webhook_id: str, *, overlap_seconds: int
    ) -> WebhookRecord:
        """Returns a webhook with a new secret.

        All that signed until now sign for some time more, so that a rotation whose
        answer was lost can be repeated. `WebhookNotFound` if the tenant has no such
        webhook.
        """
        with write(self._engine) as connection:
            find_webhook(connection, tenant, webhook_id)
            row = connection.execute(
                update(webhooks)
                .where(webhooks.c.tenant == tenant, webhooks.c.id == webhook_id)
                .values(
                    secret=webhooks.c.secret + 1,
                    first_secret=FIRST_SECRET,
                    old_secrets_until=now_ms() + 1000 * overlap_seconds,
                )
                .returning(webhooks)
            ).one()
        return _record(row)

    def delete(self, tenant: str, webhook_id: str) -> None:
        """Deletes a webhook and its messages, sent or not.

        `WebhookNotFound` if the tenant has no such webhook.
        """
        with write(self._engine) as connection:
            find_webhook(connection, tenant, webhook_id)
            connection.execute(
                delete(webhooks).where(
                    webhooks.c.tenant == tenant, webhooks.c.id == webhook_id
                )
            )


def find_webhook(connection: Connection, tenant: str, webhook_id: str) -> AnyRow:
    """Returns the row of a tenant's webhook.

    Raises:
        WebhookNotFound: If the tenant has no such webhook.
    """
    if is_id("webhook", webhook_id):
        row = connection.execute(
            select(webhooks).where(
                webhooks.c.tenant == tenant, webhooks.c.id == webhook_id
            )
        ).one_or_none()
        if row is not None:
            return row
    raise WebhookNotFound("There is no such webhook.")


def _record(row: AnyRow) -> WebhookRecord:
    return WebhookRecord(
        tenant=row.tenant,
        id=row.id,
        url=row.url,
        events=cast("list[EventName]", row.events.split()),
        secret=row.secret,
        old_secrets_until=moment_or_none(row.old_secrets_until),
        created_at=moment(row.created_at),
    )
