"""Fixtures: every database the service runs on, and its stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.sql.database import connect
from service.stores.sql.schema import migrate
from service.stores.sql.tables import metadata
from tests.support.servers.postgres import PostgresServer, postgres

DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.servers),
]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server on a socket of its own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session", params=DATABASES)
def database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The database that tests share one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database') / 'gradflat.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def bare_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> str:
    """A database of the test's own, without tables."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'bare.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture(scope="session")
def migrated(database_url: str) -> Iterator[Engine]:
    """The shared database with tables."""
    engine = connect(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(migrated: Engine) -> Engine:
    """The shared database with empty tables."""
    empty(migrated)
    return migrated


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Small quotas, so that tests reach them."""
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        quota_files=5,
        quota_stored_bytes=1000,
        quota_active_jobs=5,
    )


@pytest.fixture
def stores(engine: Engine, settings: Settings) -> Iterator[Stores]:
    """All stores on the shared database with empty tables."""
    del engine
    opened = open_stores(settings)
    yield opened
    opened.engine.dispose()


def empty(engine: Engine) -> None:
    """Deletes all rows."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            names = ", ".join(metadata.tables)
            connection.execute(text(f"TRUNCATE {names} CASCADE"))
        else:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
