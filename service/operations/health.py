"""Whether what the server needs is there."""

import tempfile
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.queue import ShardQueue
from service.schemas.account import Health, HealthCheck
from service.stores.bundle import Stores


def readiness(stores: Stores, queue: ShardQueue) -> Health:
    """Returns the state of database, blobs and broker.

    Jobs are accepted without the broker, and run when it is back: its check alone does
    not make the server unavailable.
    """
    database = HealthCheck(name="database", ok=_works(lambda: _query(stores)))
    blobs = HealthCheck(name="blobs", ok=_works(lambda: _write(stores)))
    broker = HealthCheck(name="broker", ok=queue.ping())
    return Health(
        status="ok" if database.ok and blobs.ok else "unavailable",
        checks=[database, blobs, broker],
    )


def _works(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except (SQLAlchemyError, OSError):
        return False
    return True


def _query(stores: Stores) -> None:
    with stores.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _write(stores: Stores) -> None:
    with tempfile.TemporaryFile(dir=stores.blobs.scratch()) as file:
        file.write(b"ready")
