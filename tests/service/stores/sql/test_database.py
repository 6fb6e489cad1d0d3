import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, select, text
from sqlalchemy.engine.interfaces import ReflectedForeignKeyConstraint
from sqlalchemy.exc import IntegrityError

from service.stores.sql.clock import moment, now_ms
from service.stores.sql.database import (
    checkpoint,
    connect,
    read,
    write,
)
from service.stores.sql.schema import migrate
from service.stores.sql.tables import files, metadata, tenants
from service.stores.sql.upgrade import migrations

MIGRATE = (
    "import sys; from service.stores.sql.database import connect; "
    "from service.stores.sql.schema import migrate; "
    "migrate(connect(sys.argv[1]))"
)


@pytest.fixture
def bare(bare_url: str) -> Iterator[Engine]:
    engine = connect(bare_url)
    yield engine
    engine.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    """Everything that the database knows about its tables."""
    found = inspect(engine)

    def foreign_key(key: ReflectedForeignKeyConstraint) -> str:
        return str(key["name"])

    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"])
                for c in found.get_columns(table)
            ],
            "key": found.get_pk_constraint(table),
            "foreign": sorted(found.get_foreign_keys(table), key=foreign_key),
            "unique": sorted(map(str, found.get_unique_constraints(table))),
            "checks": sorted(map(str, found.get_check_constraints(table))),
            "indexes": sorted(map(str, found.get_indexes(table))),
        }
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_make_the_tables_of_the_metadata(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrations_go_up_and_down_and_up_again(bare: Engine) -> None:
    metadata.create_all(bare)
    expected = shape(bare)
    metadata.drop_all(bare)
    for _ in range(2):
        migrate(bare)
        assert shape(bare) == expected
        with write(bare) as connection:
            command.downgrade(migrations(connection), "base")
        assert shape(bare) == {}


def test_many_processes_may_migrate_at_once(bare_url: str, bare: Engine) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, bare_url]) for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0] * 3
    assert set(shape(bare)) == set(metadata.tables)


def test_the_clock_is_the_database_s_and_in_milliseconds(engine: Engine) -> None:
    with read(engine) as connection:
        before = time.time() * 1000 - 1
        now = connection.execute(select(now_ms())).scalar_one()
        assert before <= now <= time.time() * 1000 + 1
    assert moment(now).isoformat().endswith("+00:00")


def test_a_failed_block_writes_nothing(engine: Engine) -> None:
    def fail() -> None:
        with write(engine) as connection:
            connection.execute(tenants.insert().values(id="ada", created_at=0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with read(engine) as connection:
        assert connection.execute(select(tenants)).all() == []


def test_no_row_can_point_into_another_tenant(engine: Engine) -> None:
    row = files.insert().values(
        tenant="eve", id="file_1", purpose="weights", filename="", bytes=0,
        sha256="", tensor_count=0, tensors="[]", created_at=0,
    )  # fmt: skip
    with pytest.raises(IntegrityError), write(engine) as connection:
        connection.execute(row)


def test_a_writer_takes_sqlite_s_lock_before_it_reads(
    tmp_path: Path,
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    migrate(engine)
    statements: list[str] = []
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: statements.append(statement),
    )
    with write(engine) as connection:
        connection.execute(select(tenants)).all()
    with read(engine) as connection:
        connection.execute(select(tenants)).all()
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "wal_autocheckpoint",
                "busy_timeout",
            )
        }
    assert statements[0] == "BEGIN IMMEDIATE"
    assert "BEGIN" in statements
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "wal_autocheckpoint": 0,
        "busy_timeout": 20_000,
    }
    engine.dispose()


def test_a_checkpoint_empties_sqlite_s_log(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.db"
    log = path.with_name("x.db-wal")
    engine = connect(f"sqlite:///{path}")
    migrate(engine)
    assert log.stat().st_size > 0
    checkpoint(engine)
    assert log.stat().st_size == 0
    with read(engine) as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 20_000
    engine.dispose()
