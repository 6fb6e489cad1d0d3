from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.queue import InMemoryQueue
from tests.support.outcomes import succeed
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import LiveApi, Tenant

REPLAYED = "Idempotency-Replayed"


def create(
    tenant: Tenant, key: str, body: dict[str, Any] | None = None, **headers: str
) -> httpx.Response:
    return tenant.http.post(
        "/v1/jobs",
        json=body or quartic(),
        headers={"Idempotency-Key": key, **headers},
    )


def test_a_repeated_request_gets_the_first_answer(
    tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    before = len(queue.published)
    first = create(tenant, "once")
    assert first.status_code == 202
    assert REPLAYED not in first.headers
    succeed(tenant.stores, queue.published[before:], tmp_path)
    # The same values in another order, and a default spelled out, are the same request.
    reordered = dict(reversed(quartic(precision="float64").items()))
    for body in (None, reordered):
        again = create(tenant, "once", body)
        assert again.status_code == 202
        assert again.headers[REPLAYED] == "true"
        assert again.headers["Location"] == first.headers["Location"]
        assert again.json() == first.json()
    assert len(queue.published) == before + 1
    assert len(tenant.http.get("/v1/jobs").json()["items"]) == 1


def test_a_repeated_request_may_wait_for_the_end(
    tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    before = len(queue.published)
    create(tenant, "once")
    succeed(tenant.stores, queue.published[before:], tmp_path)
    again = create(tenant, "once", Prefer="wait=5")
    assert (again.status_code, again.json()["state"]) == (200, "succeeded")
    assert again.headers[REPLAYED] == "true"


def test_another_request_under_the_key_is_refused(tenant: Tenant) -> None:
    create(tenant, "once")
    other = create(tenant, "once", quartic(seed=1))
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    job = tenant.http.get("/v1/jobs").json()["items"][0]
    tenant.http.post(job["urls"]["cancel"])
    retry = tenant.http.post(
        f"{job['urls']['self']}/retry", headers={"Idempotency-Key": "once"}
    )
    assert (retry.status_code, retry.json()["code"]) == (422, "idempotency_key_reused")


def test_a_repeated_retry_makes_one_job(tenant: Tenant) -> None:
    job = tenant.http.post("/v1/jobs", json=quartic()).json()
    tenant.http.post(job["urls"]["cancel"])
    first, again = (
        tenant.http.post(
            f"{job['urls']['self']}/retry", headers={"Idempotency-Key": "again"}
        )
        for _ in range(2)
    )
    assert first.json()["id"] == again.json()["id"] != job["id"]
    assert again.headers[REPLAYED] == "true"


def test_keys_of_others_do_not_count(tenant: Tenant, api: LiveApi) -> None:
    ours = create(tenant, "once").json()
    with api.client(api.key()[1]) as http:
        theirs = http.post(
            "/v1/jobs", json=quartic(seed=1), headers={"Idempotency-Key": "once"}
        )
    assert theirs.status_code == 202
    assert theirs.json()["id"] != ours["id"]


def test_a_refused_request_leaves_its_key_free(tenant: Tenant) -> None:
    misfit = quartic() | {"starts": {"kind": "explicit", "points": [[0.0]]}}
    assert create(tenant, "once", misfit).status_code == 422
    assert create(tenant, "once").status_code == 202


def test_many_at_once_make_one_job(tenant: Tenant, queue: InMemoryQueue) -> None:
    before = len(queue.published)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: create(tenant, "once"), range(8)))
    assert {it.status_code for it in answers} == {202}
    assert len({it.json()["id"] for it in answers}) == 1
    assert [REPLAYED in it.headers for it in answers].count(False) == 1
    assert len(queue.published) == before + 1


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "\x7f"])
def test_a_key_is_visible_ascii(tenant: Tenant, key: str) -> None:
    answer = create(tenant, key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "header/Idempotency-Key"
