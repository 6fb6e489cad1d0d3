"""Databases of each older revision, full of rows, are brought up to date.

What the rows say is made by the stores of today, and cut down to the columns that an
older revision has.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, Table, insert, select

from service.schemas.uploads import UploadRequest
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.jobs.idempotency import IdempotencyKey
from service.stores.sql import database
from service.stores.sql.database import read, write
from service.stores.sql.schema import migrate
from service.stores.sql.tables import metadata
from service.stores.sql.upgrade import migrations
from tests.support.jobs import claim, create_job, finish
from tests.support.outcomes import fail

Rows = list[dict[str, Any]]
KEY = IdempotencyKey(name="again", fingerprint="0" * 64)
REVISIONS = sorted(
    path.name[:4]
    for path in Path(database.__file__).parent.glob("migrations/versions/0*")
)
ENTRIES: Mapping[str, dict[str, Any]] = {
    "fenced_writes": {"operation": "renew", "refused": 2},
    "expired_jobs": {"tenant": "ada", "job_id": "job_0", "expired_at": 5},
}
"""Rows of tables that are written long after the others."""


@dataclass(frozen=True)
class Past:
    """What was stored, by table, and what the stores tell of it."""

    rows: Mapping[str, Rows]
    told: Mapping[str, object]
    secret: str
    queued_shard: str
    token: str
    """Of a shard that is running."""


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    stores = open_stores(Settings(data_dir=folder, pepper="pepper"))
    migrate(stores.engine)
    _, secret = stores.keys.create(tenant="ada", scopes=frozenset({"jobs:read"}))
    file_id = add_file(stores, folder / "file")
    stores.webhooks.create("ada", "https://example.com/", ["job.failed"])
    _, failed = create_job(stores)
    fail(stores, failed, "out_of_memory")
    _, running = create_job(stores, shards=2, labels={"team": "a"})
    token = claim(stores, running[0]).token
    _, queued = create_job(
        stores, labels={"team": "a"}, file_ids=(file_id,), idempotency_key=KEY
    )
    stores.uploads.create(
        "ada", UploadRequest(purpose="weights", filename="b", bytes=4, sha256="0" * 64)
    )
    stores.workers.beat("w", device="cpu", version="0.1.0", runner_bytes=0)
    with write(stores.engine) as connection:
        for name, entry in ENTRIES.items():
            connection.execute(insert(metadata.tables[name]).values(entry))
    rows = {name: contents(stores.engine, it) for name, it in metadata.tables.items()}
    found = told(stores, secret, set(metadata.tables))
    stores.engine.dispose()
    return Past(rows, found, secret, queued[0], token)


def add_file(stores: Stores, path: Path) -> str:
    path.write_bytes(b"weights")
    record, _ = stores.files.add(
        tenant="ada", purpose="weights", filename="a", path=path, size=7,
        sha256=hashlib.sha256(b"weights").hexdigest(), tensors=[],
    )  # fmt: skip
    return record.id


def contents(engine: Engine, table: Table) -> Rows:
    with read(engine) as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in rows.mappings()]


def told(stores: Stores, secret: str, tables: set[str]) -> dict[str, object]:
    """Everything that the stores tell, where there is a table for it."""
    jobs, _ = stores.jobs.list("ada", limit=50)
    teams = {
        state: [
            it.id
            for it in stores.jobs.list("ada", state=state, label="team", limit=9)[0]
        ]
        for state in ("queued", "running", "failed")
    }
    webhooks = stores.webhooks.list("ada")
    found: dict[str, Callable[[], object]] = {
        "api_keys": lambda: stores.keys.authenticate(secret),
        "files": lambda: stores.files.list("ada", limit=9)[0],
        "jobs": lambda: [stores.jobs.get("ada", it.id) for it in jobs],
        "job_labels": lambda: teams,
        "events": lambda: [stores.events.list("ada", it.id) for it in jobs],
        "uploads": lambda: stores.uploads.list("ada", limit=9)[0],
        "webhooks": lambda: webhooks,
        "deliveries": lambda: [
            stores.deliveries.list("ada", it.id, limit=9)[0] for it in webhooks
        ],
    }
    return {name: tell() for name, tell in found.items() if name in tables}


@pytest.fixture
def stores(bare_url: str, tmp_path: Path) -> Iterator[Stores]:
    settings = Settings(data_dir=tmp_path, database_url=bare_url, pepper="pepper")
    opened = open_stores(settings)
    yield opened
    opened.engine.dispose()


def fill(engine: Engine, revision: str, rows: Mapping[str, Rows]) -> dict[str, Rows]:
    """What an older database was filled with."""
    with write(engine) as connection:
        command.upgrade(migrations(connection), revision)
        old = MetaData()
        old.reflect(connection)
        filled: dict[str, Rows] = {}
        for table in old.sorted_tables:
            if table.name == "alembic_version":
                continue
            columns = set(table.columns.keys())
            filled[table.name] = [
                {name: value for name, value in row.items() if name in columns}
                for row in rows[table.name]
            ]
            connection.execute(insert(table), filled[table.name])
    return filled


@pytest.mark.parametrize("revision", REVISIONS)
def test_old_rows_are_kept_and_read(stores: Stores, past: Past, revision: str) -> None:
    filled = fill(stores.engine, revision, past.rows)
    migrate(stores.engine)
    for name, before in filled.items():
        after = contents(stores.engine, metadata.tables[name])
        kept = [{key: row[key] for key in before[0]} for row in after]
        assert kept == before, name
    found = told(stores, past.secret, set(filled))
    assert found == {name: past.told[name] for name in found}


@pytest.mark.parametrize("revision", REVISIONS)
def test_old_jobs_go_on(stores: Stores, past: Past, revision: str) -> None:
    fill(stores.engine, revision, past.rows)
    migrate(stores.engine)
    assert stores.shards.renew(past.token, lease_seconds=60.0) is not None
    assert not stores.shards.store_results(past.token)
    queued = claim(stores, past.queued_shard)
    assert stores.shards.store_results(queued.token)
    assert finish(stores, queued.token)
    again = create_job(stores, idempotency_key=KEY)[0]
    assert (again.id == queued.job_id) == (revision >= "0002")


def test_every_table_has_rows(past: Past) -> None:
    assert [name for name, rows in past.rows.items() if not rows] == []
