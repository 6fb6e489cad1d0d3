"""Idempotency keys: which job a tenant's request made the first time it was sent."""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Connection, delete, select

from service.errors import IdempotencyKeyReused
from service.stores.sql.clock import now_ms
from service.stores.sql.tables import idempotency_keys

KEPT_MS = 24 * 3_600_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A client's name for a request, and what tells the request from others."""

    name: str
    fingerprint: str
    """A digest of what was asked for, in 64 characters."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What was made of the first request under a key."""

    job_id: str
    queue_position: int


def first_answer(
    connection: Connection, tenant: str, key: IdempotencyKey
) -> FirstAnswer | None:
    """Returns what this key has made within a day, if it has made anything.

    Raises:
        IdempotencyKeyReused: If it was for another request.
    """
    row = connection.execute(
        select(idempotency_keys).where(
            idempotency_keys.c.tenant == tenant,
            idempotency_keys.c.key == key.name,
            idempotency_keys.c.created_at > now_ms() - KEPT_MS,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused("The key was sent before, with another request.")
    return FirstAnswer(job_id=row.job_id, queue_position=row.queue_position)


def remember(
    connection: Connection, tenant: str, key: IdempotencyKey, answer: FirstAnswer
) -> None:
    """Records what a key made, in place of what is too old to count."""
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
            job_id=answer.job_id,
            queue_position=answer.queue_position,
            created_at=now_ms(),
        )
    )


def forget_old_keys(connection: Connection) -> int:
    """Returns how many keys were older than a day; they are gone."""
    old = idempotency_keys.c.created_at <= now_ms() - KEPT_MS
    return connection.execute(delete(idempotency_keys).where(old)).rowcount
