"""Idempotency keys: which job a tenant's request made the first time it was sent."""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Connection, delete, select

from service.errors import IdempotencyKeyReused
from service.stores.clock import now_ms
from service.stores.tables import idempotency_keys

KEPT_MS = 24 * 3_600_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A client's name for a request, and what tells the request from others."""

    name: str
    fingerprint: str
    """A digest of what was asked for, in 64 characters."""


def first_job(connection: Connection, tenant: str, key: IdempotencyKey) -> str | None:
    """Returns the job that this key has made within a day, if it has made one.

    Raises:
        IdempotencyKeyReused: If it was for another request.
    """
    row = connection.execute(
        select(idempotency_keys.c.fingerprint, idempotency_keys.c.job_id).where(
            idempotency_keys.c.tenant == tenant,
            idempotency_keys.c.key == key.name,
            idempotency_keys.c.created_at > now_ms() - KEPT_MS,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused("The key was sent before, with another request.")
    return row.job_id


def remember(
    connection: Connection, tenant: str, key: IdempotencyKey, job_id: str
) -> None:
    """Records the job that a key made, in place of one that is too old to count."""
    connection.execute(
        delete(idempotency_keys).where(
            idempotency_keys.c.tenant == tenant, idempotency_keys.c.key == key.name
        )
    )
    connection.execute(
        idempotency_keys.insert().values(
            tenant=tenant,
            key=key.name,
            fingerprint=key.fingerprint,
            job_id=job_id,
            created_at=now_ms(),
        )
    )


def forget_old_keys(connection: Connection) -> int:
    """Returns how many keys were older than a day; they are gone."""
    old = idempotency_keys.c.created_at <= now_ms() - KEPT_MS
    return connection.execute(delete(idempotency_keys).where(old)).rowcount
