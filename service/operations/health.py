"""Whether what the server needs is there, and what is missing."""

import tempfile
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from service.queue import ShardQueue
from service.schemas.account import Health, HealthCheck
from service.stores.bundle import Stores
from service.stores.sql.schema import is_current

_NEEDED = {"database", "schema", "blobs", "process"}
"""Without one of these nothing is answered; jobs are accepted without the others."""


def readiness(stores: Stores, queue: ShardQueue, *, draining: bool) -> Health:
    """Returns the state of all that takes part, with what is missing in words.

    Jobs are accepted without broker and workers, and run when they are back: those
    alone do not make the server unavailable.
    """
    checks = [
        _check("database", lambda: _query(stores), "The database does not answer"),
        _check(
            "schema",
            lambda: is_current(stores.engine),
            "The tables are not those of this version",
        ),
        _check("blobs", lambda: _write(stores), "The folder of files is not writable"),
        _check("broker", queue.ping, "The broker does not answer; jobs wait for it"),
        _check(
            "workers",
            lambda: bool(stores.workers.live()),
            "No worker has reported within a minute; jobs wait for one",
        ),
        _check("process", lambda: not draining, "This process is about to stop"),
    ]
    missing = {check.name for check in checks if not check.ok}
    return Health(
        status="unavailable" if missing & _NEEDED else "ok",
        checks=checks,
    )


def _check(name: str, works: Callable[[], bool], otherwise: str) -> HealthCheck:
    try:
        ok = works()
    except (SQLAlchemyError, OSError):
        ok = False
    return HealthCheck(name=name, ok=ok, detail=None if ok else otherwise)


def _query(stores: Stores) -> bool:
    with stores.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return True


def _write(stores: Stores) -> bool:
    with tempfile.TemporaryFile(dir=stores.blobs.scratch()) as file:
        file.write(b"ready")
    return True
