"""A frozen server: its kernel takes what is sent, and nothing is ever answered."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from service.stores.sql.database import connect, read
from service.stores.sql.postgresql import BoundedConnection
from service.stores.sql.schema import migrate
from service.stores.sql.upgrade import upgrade
from tests.support.servers.postgres import PostgresServer

pytestmark = pytest.mark.servers


@pytest.fixture
def engine(postgres_server: PostgresServer) -> Iterator[Engine]:
    engine = connect(postgres_server.new_database())
    yield engine
    engine.dispose()


def bounded(connection: Connection) -> BoundedConnection:
    return cast("BoundedConnection", connection.connection.dbapi_connection)


def test_a_statement_on_a_frozen_server_fails(
    engine: Engine, postgres_server: PostgresServer
) -> None:
    with read(engine) as connection:
        connection.execute(text("SELECT 1"))
        bounded(connection).answer_s = 0.5
        with postgres_server.frozen(), pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
        assert connection.invalidated
    with read(engine) as connection:
        assert connection.execute(text("SELECT 2")).scalar_one() == 2


@pytest.mark.slow
def test_a_frozen_server_is_found_out_before_a_statement(
    engine: Engine, postgres_server: PostgresServer
) -> None:
    with read(engine):
        pass
    with postgres_server.frozen():
        began = time.monotonic()
        with pytest.raises(OperationalError), read(engine):
            pass
        assert time.monotonic() - began < 15


def test_an_error_leaves_the_connection_open(engine: Engine) -> None:
    with read(engine) as connection:
        with pytest.raises(OperationalError):
            connection.execute(text("SET statement_timeout = 1; SELECT pg_sleep(9)"))
        assert not connection.invalidated


def test_a_slow_answer_that_is_waited_for_arrives(engine: Engine) -> None:
    with read(engine) as connection:
        bounded(connection).answer_s = None
        connection.execute(text("SELECT pg_sleep(0.3)"))
        bounded(connection).answer_s = 0.2
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT pg_sleep(20)"))


def test_a_migration_may_last(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine)
    with read(engine) as holder, ThreadPoolExecutor() as pool:
        bounded(holder).answer_s = None
        monkeypatch.setattr(BoundedConnection, "answer_s", 0.5)
        holder.execute(text("LOCK TABLE alembic_version"))
        waiting = pool.submit(upgrade, engine)
        holder.execute(text("SELECT pg_sleep(1.5)"))
        assert not waiting.done()
        holder.rollback()
        waiting.result()
    with read(engine) as connection:
        assert bounded(connection).answer_s == 0.5
