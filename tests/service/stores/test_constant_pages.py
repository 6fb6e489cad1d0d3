"""A page of 100,000 jobs costs what a page of 4,000 does: counted, not timed."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine.interfaces import DBAPIConnection

from service.schemas.jobs import JobState
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.sql import cursors
from service.stores.sql.database import write
from service.stores.sql.schema import migrate
from service.stores.sql.tables import job_labels, jobs, tenants
from tests.support.jobs import QUARTIC

FEW, MANY = 4_000, 100_000
RARE = 10
"""Every so many-th of the first jobs has failed; all the others wait."""
PAGE = 20
REQUEST = json.dumps(QUARTIC)


class Filters(TypedDict, total=False):
    state: JobState
    label: str


def job_id(number: int) -> str:
    return f"job_{number:032x}"


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Jobs of which only the 200 oldest failed ones are rare."""
    for number in range(count):
        failed = number < 200 * RARE and number % RARE == 0
        yield {
            "tenant": "ada",
            "id": job_id(number),
            "state": "failed" if failed else "queued",
            "attempt": 0,
            "max_attempts": 3,
            "request": REQUEST,
            "created_at": number,
            "queued_at": number,
            "spent_ms": 0,
            "retention_ms": 1,
            "artifacts": "[]",
            "sequence": 1,
        }


def filled(folder: Path, count: int) -> Stores:
    stores = open_stores(Settings(data_dir=folder))
    migrate(stores.engine)
    with write(stores.engine) as connection:
        connection.execute(tenants.insert().values(id="ada", created_at=0))
        source = rows(count)
        while part := list(islice(source, 10_000)):
            connection.execute(insert(jobs), part)
            labels = [
                {
                    "tenant": "ada",
                    "job_id": row["id"],
                    "key": "a",
                    "value": "b",
                    "state": row["state"],
                }
                for row in part
            ]
            connection.execute(insert(job_labels), labels)
    return stores


@pytest.fixture(scope="module", params=[(FEW, MANY)], ids=["4,000 and 100,000"])
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stores, Stores]]:
    pair = (
        filled(tmp_path_factory.mktemp("few"), FEW),
        filled(tmp_path_factory.mktemp("many"), MANY),
    )
    yield pair
    for stores in pair:
        stores.engine.dispose()


def instructions(stores: Stores, cursor: str | None, filters: Filters) -> int:
    """What SQLite's virtual machine does for one page, in tens of instructions."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def listen(connection: DBAPIConnection, *_: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(step, 10)

    def leave(connection: DBAPIConnection, *_: object) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.set_progress_handler(None, 0)

    event.listen(stores.engine, "checkout", listen)
    event.listen(stores.engine, "checkin", leave)
    try:
        page, _ = stores.jobs.list("ada", limit=PAGE, cursor=cursor, **filters)
    finally:
        event.remove(stores.engine, "checkout", listen)
        event.remove(stores.engine, "checkin", leave)
    assert len(page) == PAGE
    return count


@pytest.mark.slow
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "queued"},
        {"state": "failed"},
        {"label": "a"},
        {"label": "a=b", "state": "queued"},
        {"label": "a", "state": "failed"},
        {"label": "a=b", "state": "failed"},
    ],
    ids=lambda it: " ".join(it.values()) or "all",
)
def test_a_page_costs_the_same_however_many_jobs_there_are(
    both: tuple[Stores, Stores], filters: Filters, place: str
) -> None:
    costs: list[int] = []
    for stores, count in zip(both, (FEW, MANY), strict=True):
        last = 50 * RARE if filters.get("state") == "failed" else 50
        before = {"first": None, "middle": count // 2, "last": last}[place]
        if filters.get("state") == "failed" and before is not None:
            before = min(before, 100 * RARE)
        cursor = None if before is None else cursors.encode(job_id(before))
        costs.append(instructions(stores, cursor, filters))
    few, many = costs
    assert many <= 1.1 * few + 100
