"""The database: SQLite on one host, PostgreSQL on several.

SQLite runs in WAL mode with full synchronisation, so that a job that was acknowledged
survives a power cut. The driver's own transaction control is off: a transaction begins
with ``BEGIN``, and one that will write with ``BEGIN IMMEDIATE``, so that it never reads
what it may no longer change.

SQLite before 3.51.3 can damage the file when a checkpoint and the restart of the log by
a writer coincide. So no connection checkpoints on its own; `checkpoint` does it in a
mode that takes the write lock first and restarts the log itself. PostgreSQL is for
workers on several hosts: SQLite's file must not lie on a network file system.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Table,
    create_engine,
    dialects,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

dialects.registry.register(
    "postgresql.bounded", "service.stores.sql.postgresql", "BoundedDialect"
)
AnyRow = Row[*tuple[Any, ...]]
"""A row of any columns."""

_WRITES = "gradflat_writes"
_BUSY_SECONDS = 20.0
_CHECKPOINT_BUSY_SECONDS = 5.0
_POSTGRESQL_OPTIONS = " ".join(
    (
        "-c lock_timeout=20000",
        "-c idle_in_transaction_session_timeout=15000",  # a frozen process holds locks
        "-c timezone=UTC",
    )
)


def connect(url: str) -> Engine:
    """Returns a connection pool; nothing is connected before it is used."""
    if make_url(url).get_backend_name() == "sqlite":
        return _connect_sqlite(url)
    return create_engine(
        make_url(url).set(drivername="postgresql+bounded"),
        pool_size=10,
        max_overflow=40,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": 20_000,
            "options": _POSTGRESQL_OPTIONS,
        },
    )


def _connect_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=40,
        pool_timeout=10,
        connect_args={"timeout": _BUSY_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        _enter_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA wal_autocheckpoint = 0")
    finally:
        cursor.close()


def _enter_wal(cursor: DBAPICursor) -> None:
    """Turns WAL on; while others open the new file, SQLite refuses without waiting."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def read(engine: Engine) -> Generator[Connection]:
    """Yields a connection in a transaction that only reads."""
    with engine.connect() as connection:
        yield connection


@contextmanager
def write(engine: Engine) -> Generator[Connection]:
    """Yields a connection in a transaction that commits at the end of the block."""
    connection = engine.connect().execution_options(**{_WRITES: True})
    with connection, connection.begin():
        yield connection


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Returns an INSERT that can say what to do on conflict."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def checkpoint(engine: Engine) -> None:
    """Moves SQLite's log into the database; does nothing on PostgreSQL.

    It waits for the write lock longer than any transaction lasts, since SQLite falls
    back to a checkpoint without that lock.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(_busy_timeout(_CHECKPOINT_BUSY_SECONDS))
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(_busy_timeout(_BUSY_SECONDS))
            cursor.close()
    finally:
        connection.close()


def _busy_timeout(seconds: float) -> str:
    return f"PRAGMA busy_timeout = {round(seconds * 1000)}"
