import json
from itertools import pairwise

import pytest

from service.errors import JobNotFound
from service.stores.bundle import Stores
from service.stores.jobs.events import NewEvent
from tests.support.jobs import claim, create_job, finish


def test_events_are_numbered_without_a_gap_and_read_in_parts(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    for number in range(5):
        stores.shards.renew(
            token,
            lease_seconds=60,
            events=[NewEvent(type="log", data={"message": str(number)})],
        )
    stores.shards.store_results(token)
    finish(stores, token)
    everything = stores.events.list("ada", job.id)
    assert [e.sequence for e in everything] == list(range(1, len(everything) + 1))
    assert everything[-1].type == "done"
    assert everything[-1].sequence == stores.jobs.get("ada", job.id).sequence
    parts = [
        event
        for after in range(0, len(everything), 3)
        for event in stores.events.list("ada", job.id, after=after, limit=3)
    ]
    assert parts == everything
    assert stores.events.list("ada", job.id, after=10**30) == []
    assert all(a.at <= b.at for a, b in pairwise(everything))


def test_any_text_comes_back_as_it_was(stores: Stores) -> None:
    job, [shard] = create_job(stores)
    token = claim(stores, shard).token
    message = "\0 \ud800 \N{SNOWMAN} '; DROP TABLE jobs"
    stores.shards.renew(
        token,
        lease_seconds=60,
        events=[NewEvent(type="log", data={"message": message})],
    )
    last = stores.events.list("ada", job.id)[-1]
    assert json.dumps(last.data["message"]) == json.dumps(message)


def test_an_unknown_job_has_no_events(stores: Stores) -> None:
    with pytest.raises(JobNotFound):
        stores.events.list("ada", "job_0")
