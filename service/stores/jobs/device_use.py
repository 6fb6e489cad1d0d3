"""Device time: how long a tenant's shards have held workers, day by day."""

from sqlalchemy import ColumnElement, Connection, delete, func, select

from service.stores.sql.clock import now_ms
from service.stores.sql.database import insert
from service.stores.sql.tables import device_use, shards

WINDOW_DAYS = 30
_DAY_MS = 86_400_000


def charge(
    connection: Connection, tenant: str, *which: ColumnElement[bool], until_ms: int
) -> int:
    """Returns the time of running shards that are about to be given up, now counted.

    Args:
        connection: In a transaction that has locked their job.
        tenant: Whose they are.
        which: Conditions on the shards.
        until_ms: The moment at which they ended, in milliseconds since 1970.
    """
    spent = connection.execute(
        select(_time(until_ms)).where(
            shards.c.tenant == tenant, shards.c.state == "running", *which
        )
    ).scalar_one()
    if spent <= 0:
        return 0
    statement = insert(connection, device_use).values(
        tenant=tenant, day=until_ms // _DAY_MS, milliseconds=spent
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[device_use.c.tenant, device_use.c.day],
            set_={"milliseconds": device_use.c.milliseconds + spent},
        )
    )
    return int(spent)


def used_ms(connection: Connection, tenant: str) -> int:
    """Returns the device time of the last 30 days, running shards included."""
    now = connection.execute(select(now_ms())).scalar_one()
    ended = select(func.coalesce(func.sum(device_use.c.milliseconds), 0)).where(
        device_use.c.tenant == tenant, device_use.c.day > now // _DAY_MS - WINDOW_DAYS
    )
    running = select(_time(now)).where(
        shards.c.tenant == tenant, shards.c.state == "running"
    )
    return sum(int(connection.execute(it).scalar_one()) for it in (ended, running))


def forget_old_use(connection: Connection) -> int:
    """Returns how many days lay too far back to count; they are gone."""
    now = connection.execute(select(now_ms())).scalar_one()
    old = device_use.c.day <= now // _DAY_MS - WINDOW_DAYS
    return connection.execute(delete(device_use).where(old)).rowcount


def _time(until_ms: int) -> ColumnElement[int]:
    """The sum of the times since each shard was claimed."""
    return func.coalesce(func.sum(until_ms - shards.c.claimed_at), 0)
