"""Streams of events: in order, to the end, without a gap or a repetition."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from service.client import Client
from service.operations import following
from service.queue import InMemoryQueue
from service.schemas.jobs import Progress
from service.stores.jobs.events import NewEvent
from service.stores.jobs.shards import Claim
from tests.support.outcomes import claim_all, conclude, fail
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import Tenant
from tests.support.servers.waiting import until

Message = dict[str, Any]


def create(tenant: Tenant, queue: InMemoryQueue) -> tuple[str, list[str]]:
    """The path of a new job's events, and its shards."""
    before = len(queue.published)
    job = tenant.http.post("/v1/jobs", json=quartic()).json()
    return job["urls"]["events"], queue.published[before:]


def messages(answer: httpx.Response) -> Iterator[Message]:
    """The events in a stream, as a browser would read them."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and "data" in fields:
            event = json.loads(fields["data"])
            assert int(fields["id"]) == event["sequence"]
            assert fields["event"] == event["type"]
            yield event
        if not line:
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def stream(
    tenant: Tenant, url: str, *, last: int | None = None, most: int | None = None
) -> list[Message]:
    """What a client is told before the stream ends, or it leaves after so many."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with (
        tenant.api.client(tenant.key) as http,
        http.stream("GET", f"{url}/stream", headers=headers) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        return list(islice(messages(answer), most))


def listed(tenant: Tenant, url: str, **query: str | int) -> list[Message]:
    answer = tenant.http.get(url, params={"limit": 1000, **query})
    items: list[Message] = answer.json()["items"]
    return items


def busy(tenant: Tenant, claim: Claim, renewals: int) -> None:
    """Many events in a short time."""
    for number in range(renewals):
        points = [NewEvent(type="point", data={"n": number})] * (number % 3)
        tenant.stores.shards.renew(
            claim.token,
            lease_seconds=60,
            phase="searching" if number == 0 else None,
            progress=Progress.model_validate(
                {
                    **dict.fromkeys(Progress.model_fields),
                    "done": number,
                    "total": renewals,
                    "unit": "iterations",
                    "fraction": number / renewals,
                }
            ),
            events=points,
        )


def test_an_ended_job_is_told_whole(tenant: Tenant, queue: InMemoryQueue) -> None:
    url, shards = create(tenant, queue)
    fail(tenant.stores, shards, "out_of_memory")
    everything = listed(tenant, url)
    assert stream(tenant, url) == everything
    assert everything[-1]["type"] == "done"
    for known in range(len(everything) + 2):
        assert stream(tenant, url, last=known) == everything[known:]


def test_after_is_for_clients_that_cannot_send_headers(
    tenant: Tenant, queue: InMemoryQueue
) -> None:
    url, shards = create(tenant, queue)
    fail(tenant.stores, shards, "out_of_memory")
    everything = listed(tenant, url)
    answer = tenant.http.get(f"{url}/stream?after=2")
    assert list(messages(answer)) == everything[2:]
    answer = tenant.http.get(f"{url}/stream?after=2", headers={"Last-Event-ID": "3"})
    assert list(messages(answer)) == everything[3:]
    bad = tenant.http.get(f"{url}/stream", headers={"Last-Event-ID": "x"})
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["pointer"] == "header/Last-Event-ID"


def test_followers_that_come_and_go_miss_nothing(
    tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    url, shards = create(tenant, queue)

    def work() -> None:
        (claim,) = claim_all(tenant.stores, shards)
        busy(tenant, claim, 120)
        conclude(tenant.stores, [claim], tmp_path, artifacts={})

    def follow(number: int) -> list[Message]:
        told: list[Message] = []
        while not told or told[-1]["type"] != "done":
            last = told[-1]["sequence"] if told else None
            told += stream(tenant, url, last=last, most=3 + 5 * number or None)
        return told

    with ThreadPoolExecutor(12) as threads:
        following_ = threads.map(follow, range(12))
        worker = Thread(target=work)
        worker.start()
        told = list(following_)
        worker.join()
    everything = listed(tenant, url)
    assert len(everything) > 200
    assert [it["sequence"] for it in everything] == list(range(1, len(everything) + 1))
    assert told == [everything] * 12


def test_a_quiet_stream_gives_signs_of_life(
    tenant: Tenant, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_HEARTBEAT_S", 0.05)
    url, _ = create(tenant, queue)
    with tenant.http.stream("GET", f"{url}/stream") as answer:
        lines = answer.iter_lines()
        assert any(line == ":" for line in lines)


def test_a_stream_ends_after_a_while(
    tenant: Tenant, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_HEARTBEAT_S", 0.05)
    monkeypatch.setattr(following, "_LONGEST_S", 0.2)
    url, _ = create(tenant, queue)
    assert [it["type"] for it in stream(tenant, url)] == ["state"]


def test_a_stream_ends_when_the_job_is_deleted(
    tenant: Tenant, queue: InMemoryQueue
) -> None:
    url, _ = create(tenant, queue)
    job = url.removesuffix("/events")
    with tenant.http.stream("GET", f"{url}/stream") as answer:
        told = messages(answer)
        assert next(told)["data"] == {"state": "queued"}
        with tenant.api.client(tenant.key) as http:
            http.post(f"{job}/cancel")
            assert http.delete(job).status_code == 204
        assert {it["type"] for it in told} <= {"state", "done"}
    gone = tenant.http.get(f"{url}/stream")
    assert (gone.status_code, gone.json()["code"]) == (404, "job_not_found")


def test_only_so_many_streams_are_open_at_once(
    tenant: Tenant, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_MOST_FOLLOWERS", 2)
    url, shards = create(tenant, queue)

    def refused() -> bool:
        with tenant.api.client(tenant.key) as http:
            answer = http.get(f"{url}/stream", timeout=5)
        if answer.status_code == 429:
            assert answer.json()["code"] == "rate_limited"
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status_code == 429

    with (
        tenant.http.stream("GET", f"{url}/stream") as first,
        tenant.http.stream("GET", f"{url}/stream") as second,
    ):
        told = [messages(it) for it in (first, second)]
        for each in told:
            assert next(each)["type"] == "state"
        assert refused()
        fail(tenant.stores, shards, "out_of_memory")
        assert [list(it)[-1]["type"] for it in told] == ["done", "done"]
    until(lambda: not refused(), what="room")


def test_the_log_is_the_events_of_its_type(
    tenant: Tenant, queue: InMemoryQueue
) -> None:
    url, shards = create(tenant, queue)
    (claim,) = claim_all(tenant.stores, shards)
    tenant.stores.shards.release(claim.token)
    told = [it["data"]["message"] for it in listed(tenant, url, type="log")]
    assert told == [
        "Shard 0 begins, attempt 1",
        "Shard 0 was given back by its worker",
    ]
    page = tenant.http.get(url, params={"type": "log", "limit": 1}).json()
    rest = listed(tenant, url, type="log", after=page["next_after"])
    assert [it["data"]["message"] for it in page["items"] + rest] == told


def test_the_client_goes_on_after_a_broken_connection(
    tenant: Tenant, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_HEARTBEAT_S", 0.02)
    monkeypatch.setattr(following, "_LONGEST_S", 0.05)
    url, shards = create(tenant, queue)
    job_id = url.split("/")[3]
    with Client(tenant.api.url, tenant.key) as client:
        told = client.follow(job_id)
        first = next(told)
        fail(tenant.stores, shards, "out_of_memory")
        events = [first, *told]
    assert [it.model_dump(mode="json") for it in events] == listed(tenant, url)
