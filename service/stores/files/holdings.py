"""What a tenant holds, or has announced to send, against its quotas."""

from dataclasses import dataclass
from typing import final

from sqlalchemy import Connection, func, select

from service.errors import QuotaExceeded
from service.schemas.account import Quotas
from service.stores.sql.clock import now_ms
from service.stores.sql.tables import files, uploads


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Number and bytes of files, those that are being uploaded included."""

    files: int
    bytes: int


def holdings(
    connection: Connection, tenant: str, *, besides: str | None = None
) -> Holdings:
    """Returns what the tenant holds, whole files for what is being uploaded.

    Args:
        connection: In a transaction.
        tenant: Whose.
        besides: An upload that does not count.
    """
    stored = select(func.count(), func.coalesce(func.sum(files.c.bytes), 0)).where(
        files.c.tenant == tenant
    )
    coming = select(func.count(), func.coalesce(func.sum(uploads.c.bytes), 0)).where(
        uploads.c.tenant == tenant,
        uploads.c.file_id.is_(None),
        uploads.c.expires_at > now_ms(),
        uploads.c.id.is_distinct_from(besides),
    )
    counts, sizes = zip(
        *(connection.execute(query).one() for query in (stored, coming)), strict=True
    )
    return Holdings(files=sum(counts), bytes=int(sum(sizes)))


def check_room(
    connection: Connection,
    tenant: str,
    size: int,
    quotas: Quotas,
    *,
    besides: str | None = None,
) -> None:
    """Checks that one more file of this size is within the tenant's quotas.

    Args:
        connection: In a transaction that has locked the tenant.
        tenant: Whose.
        size: Bytes of the file.
        quotas: What the tenant may hold.
        besides: An upload that does not count, since it becomes this file.

    Raises:
        QuotaExceeded: If it is not.
    """
    held = holdings(connection, tenant, besides=besides)
    if held.files >= quotas.files:
        raise QuotaExceeded(f"At most {quotas.files} files may be stored.")
    if held.bytes + size > quotas.stored_bytes:
        raise QuotaExceeded(f"At most {quotas.stored_bytes} bytes may be stored.")
