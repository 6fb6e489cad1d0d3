"""Migrations, by Alembic."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, func, select

from service.stores.sql.database import write

if TYPE_CHECKING:
    from service.stores.sql.postgresql import BoundedConnection

_ADVISORY_LOCK = 0x67726164666C6174  # "gradflat"
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = threading.Lock()  # the migration tool keeps global state


def upgrade(engine: Engine) -> None:
    """Brings the schema to the newest revision; safe from several processes at once.

    Whoever comes first holds the database's lock until all is done in one transaction;
    the others then find nothing to do.
    """
    with _MIGRATING, write(engine) as connection:
        if connection.dialect.name == "postgresql":
            _take_time(connection)
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        command.upgrade(migrations(connection), "head")


def migrations(connection: Connection) -> Config:
    """Returns the configuration of the migration tool, to run on this connection."""
    config = Config()
    folder = str(_MIGRATIONS).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    return config


def _take_time(connection: Connection) -> None:
    """Lets statements last, such as an index of a table that has grown large."""
    connection.detach()  # the pool gets another, as bounded as before
    bounded = cast("BoundedConnection", connection.connection.dbapi_connection)
    bounded.answer_s = None
