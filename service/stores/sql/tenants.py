"""Tenants: the rows that checks of quotas and of shared files lock."""

from sqlalchemy import Connection, select

from service.stores.sql.clock import now_ms
from service.stores.sql.database import insert
from service.stores.sql.tables import tenants


def lock_tenant(connection: Connection, tenant: str) -> None:
    """Locks the tenant's row until the transaction ends, making it if it is new."""
    connection.execute(
        insert(connection, tenants)
        .values(id=tenant, created_at=now_ms())
        .on_conflict_do_nothing()
    )
    connection.execute(
        select(tenants.c.id)
        .where(tenants.c.id == tenant)
        .with_for_update(key_share=True)
    )
