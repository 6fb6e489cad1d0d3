import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict, Unpack

import pytest
from sqlalchemy import Engine, event, text

from service.errors import BadCursor, FileNotFound, JobNotTerminal, QuotaExceeded
from service.schemas.jobs import JobState
from service.stores.bundle import Stores
from service.stores.sql import cursors
from service.stores.sql.identifiers import new_id
from tests.support.jobs import BROKEN, claim, create_job, finish, job_request

Values = tuple[Any, ...] | dict[str, Any]


class Filters(TypedDict, total=False):
    state: JobState
    label: str


def test_a_new_job_waits(stores: Stores) -> None:
    job, shards = create_job(stores, shards=3, labels={"experiment": "a3"})
    assert len(set(shards)) == 3
    assert job == stores.jobs.get("ada", job.id)
    assert job.request == job_request({"experiment": "a3"})
    assert (job.state, job.attempt, job.max_attempts) == ("queued", 0, 3)
    assert job.created_at == job.queued_at
    assert (job.started_at, job.finished_at, job.expires_at) == (None, None, None)
    assert [e.data for e in stores.events.list("ada", job.id)] == [{"state": "queued"}]


def test_a_job_needs_its_files(stores: Stores) -> None:
    with pytest.raises(FileNotFound):
        create_job(stores, file_ids=(new_id("file"),))
    assert stores.jobs.usage("ada").active_jobs == 0


def test_unfinished_jobs_are_limited_also_when_made_at_once(stores: Stores) -> None:
    together = threading.Barrier(8)

    def attempt(_: int) -> bool:
        together.wait()
        try:
            create_job(stores)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(8))) == 5
    create_job(stores, tenant="eve")
    job = stores.jobs.list("ada", limit=1)[0][0]
    stores.jobs.request_cancel("ada", job.id)
    create_job(stores)
    assert stores.jobs.usage("ada").active_jobs == 5


def test_a_waiting_job_is_cancelled_at_once_and_for_good(stores: Stores) -> None:
    job, _ = create_job(stores, shards=2)
    cancelled = stores.jobs.request_cancel("ada", job.id)
    assert cancelled.state == "cancelled"
    assert cancelled.cancel_requested_at == cancelled.finished_at
    assert stores.jobs.request_cancel("ada", job.id) == cancelled
    types = [event.type for event in stores.events.list("ada", job.id)]
    assert types == ["state", "state", "done"]


def test_cancelling_twice_changes_nothing(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    claim(stores, shard)
    once = stores.jobs.request_cancel("ada", job.id)
    assert once.state == "cancelling"
    assert stores.jobs.request_cancel("ada", job.id) == once


def test_cancelling_between_two_shards_keeps_the_first(stores: Stores) -> None:
    job, [first, second] = create_job(stores, shards=2)
    stores.shards.store_results(claim(stores, first).token)
    assert stores.jobs.request_cancel("ada", job.id).state == "cancelling"
    assert list(stores.recovery.take_unannounced(queue_is_empty=True)) == [first]
    assert stores.shards.claim(second, worker="w", lease_seconds=60) is None
    last = claim(stores, first)
    assert last.has_results
    assert stores.shards.store_results(last.token)
    assert stores.shards.stored_shards("ada", job.id) == [0]
    assert finish(stores, last.token)
    ended = stores.jobs.get("ada", job.id)
    assert ended.state == "cancelled"
    assert ended.result is not None


def test_only_an_ended_job_can_be_deleted(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    with pytest.raises(JobNotTerminal):
        stores.jobs.delete("ada", job.id)
    stores.shards.fail(claim(stores, shard).token, BROKEN)
    stores.jobs.delete("ada", job.id)


def test_pages_cover_all_jobs_once_newest_first(stores: Stores) -> None:
    made = [create_job(stores)[0].id for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page, cursor = stores.jobs.list("ada", limit=2, cursor=cursor)
        seen += [job.id for job in page]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert stores.jobs.list("ada", limit=5)[1] is None


def test_lists_are_filtered_by_state_and_label(stores: Stores) -> None:
    one, [shard] = create_job(stores, labels={"run": "1", "kind": "x"})
    two, _ = create_job(stores, labels={"run": "2"})
    three, _ = create_job(stores, labels={"run": "a=b"})
    claim(stores, shard)

    def ids(**filters: Unpack[Filters]) -> list[str]:
        page, _ = stores.jobs.list("ada", limit=10, **filters)
        return [job.id for job in page]

    assert ids(state="running") == [one.id]
    assert ids(state="queued") == [three.id, two.id]
    assert ids(label="run") == [three.id, two.id, one.id]
    assert ids(label="run=2") == [two.id]
    assert ids(label="run=a=b") == [three.id]
    assert ids(label="run=\0") == []
    assert ids(label="other") == []
    assert ids(label="run", state="queued") == [three.id, two.id]
    cursor = cursors.encode(three.id)
    page, _ = stores.jobs.list("ada", label="run", limit=1, cursor=cursor)
    assert [job.id for job in page] == [two.id]


@pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "a" * 500, "\0"])
def test_a_foreign_cursor_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(BadCursor):
        stores.jobs.list("ada", limit=1, cursor=cursor)
    with pytest.raises(BadCursor):
        stores.files.list("ada", limit=1, cursor=cursor)


def test_a_page_of_files_is_not_one_of_jobs(stores: Stores) -> None:
    with pytest.raises(BadCursor):
        stores.jobs.list("ada", limit=1, cursor=cursors.encode(new_id("file")))


def plan(engine: Engine, statement: str, values: Values) -> str:
    """How the database would run a statement on tables too big to read through."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            explain = "EXPLAIN QUERY PLAN "
        else:
            explain = "EXPLAIN "
            for way in ("seqscan", "sort", "bitmapscan", "hashjoin", "mergejoin"):
                connection.execute(text(f"SET LOCAL enable_{way} = off"))
        rows = connection.exec_driver_sql(explain + statement, values)
        return "\n".join(str(row) for row in rows)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": "queued"},
        {"label": "a"},
        {"label": "a=b"},
        {"label": "a", "state": "queued"},
        {"label": "a=b", "state": "queued"},
    ],
    ids=["all", "state", "label", "value", "label of state", "value of state"],
)
def test_a_page_is_read_in_order_from_an_index(
    stores: Stores, filters: Filters
) -> None:
    asked: list[tuple[str, Values]] = []

    def listen(
        _c: object, _cursor: object, statement: str, values: Values, *_: object
    ) -> None:
        asked.append((statement, values))

    event.listen(stores.engine, "before_cursor_execute", listen)
    stores.jobs.list("ada", limit=20, cursor=cursors.encode(new_id("job")), **filters)
    statement, values = next(one for one in asked if one[0].startswith("SELECT"))
    how = plan(stores.engine, statement, values)
    assert "TEMP B-TREE" not in how, how
    assert "SCAN jobs" not in how, how
    assert "Sort" not in how, how
    assert "Seq Scan" not in how, how
