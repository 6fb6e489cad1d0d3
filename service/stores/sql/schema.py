"""Which revision the tables are of, and how they come to be of the newest.

The migration tool takes 10 MB, for once in the life of a database: what finds the
tables as they should be does without it.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Engine, column, inspect, select, table

from service.stores.sql.database import read

_VERSIONS = Path(__file__).parent / "migrations" / "versions"
_REVISIONS = table("alembic_version", column("version_num"))


def migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision; safe from several processes at once."""
    if not is_current(engine):
        from service.stores.sql.upgrade import (  # noqa: PLC0415 - the migration tool
            upgrade,
        )

        upgrade(engine)


def is_current(engine: Engine) -> bool:
    """Returns whether the schema is that of this version."""
    with read(engine) as connection:
        if not inspect(connection).has_table(_REVISIONS.name):
            return False
        found = connection.execute(select(_REVISIONS)).scalars().all()
    return list(found) == [newest_revision()]


@cache
def newest_revision() -> str:
    """Returns the number of the last migration, which its file begins with."""
    return max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*.py"))
