import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from service.queue import InMemoryQueue
from tests.support.outcomes import claim_all, fail, succeed
from tests.support.requests.job_bodies import quartic, regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.live_api import LiveApi, Tenant

BINARY = {"Content-Type": "application/octet-stream"}
KEYS = {
    *("id", "object", "state", "phase", "progress", "attempt", "max_attempts"),
    *("problem", "starts", "finder", "classification", "spectrum", "seed"),
    *("precision", "keep_dataset", "labels", "time_limit_seconds", "created_at"),
    *("queued_at", "started_at", "finished_at", "cancel_requested_at", "expires_at"),
    *("priority", "queue_position", "start_before"),
    *("error", "result", "environment", "retried_from", "urls"),
}


def create(tenant: Tenant, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = tenant.http.post("/v1/jobs", json=body or quartic())
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def shards_of(queue: InMemoryQueue, before: int) -> list[str]:
    return queue.published[before:]


@pytest.fixture
def upload(tenant: Tenant) -> Any:  # noqa: ANN401
    def put(purpose: str, content: bytes) -> str:
        target = f"/v1/files?purpose={purpose}&filename=a"
        answer = tenant.http.post(target, content=content, headers=BINARY)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    return put


def test_a_new_job_is_queued_and_announced(
    tenant: Tenant, queue: InMemoryQueue
) -> None:
    before = len(queue.published)
    answer = tenant.http.post("/v1/jobs", json=quartic(starts=20, labels={"a": "b"}))
    job = answer.json()
    assert answer.status_code == 202
    assert set(job) == KEYS
    assert job["state"] == "queued"
    assert job["labels"] == {"a": "b"}
    assert job["finder"]["max_iterations"] == 500
    assert answer.headers["Location"] == job["urls"]["self"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["Retry-After"] == "1"
    assert job["created_at"].endswith("Z")
    assert tenant.http.get(job["urls"]["self"]).json() == job
    claims = claim_all(tenant.stores, shards_of(queue, before))
    assert [(claim.first, claim.count) for claim in claims] == [(0, 6), (6, 7), (13, 7)]


def test_a_job_is_accepted_without_a_broker(
    tenant: Tenant, queue: InMemoryQueue
) -> None:
    queue.available = False
    try:
        job = create(tenant)
    finally:
        queue.available = True
    assert job["state"] == "queued"


def test_a_job_on_uploaded_files(tenant: Tenant, upload: Any) -> None:  # noqa: ANN401
    weights = upload("weights", weights_of(3, 4, 2))
    data = upload("dataset", regression_data(10, 3, 2))
    job = create(tenant, regression(weights, data, [3, 4, 2]))
    assert job["problem"]["parameter_map"] is not None
    for file in (weights, data):
        answer = tenant.http.delete(f"/v1/files/{file}")
        assert (answer.status_code, answer.json()["code"]) == (409, "file_in_use")


def test_what_does_not_fit_is_refused_before_it_is_queued(
    tenant: Tenant,
    upload: Any,  # noqa: ANN401
    queue: InMemoryQueue,
) -> None:
    before = len(queue.published)
    weights = upload("weights", weights_of(3, 4, 2))
    data = upload("dataset", regression_data(10, 3, 2))
    body = regression(weights, data, [3, 5, 2])
    answer = tenant.http.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "weights_do_not_match_architecture"
    assert answer.json()["errors"]
    validation = tenant.http.post("/v1/jobs/validate", json=body)
    assert validation.status_code == 200
    assert validation.json()["valid"] is False
    assert validation.json()["problems"] == answer.json()["errors"]
    assert queue.published[before:] == []
    assert tenant.http.get("/v1/jobs").json()["items"] == []


def test_files_that_are_not_there(tenant: Tenant) -> None:
    missing = "file_" + "0" * 32
    body = regression(missing, missing, [3, 4, 2])
    answer = tenant.http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert {it["code"] for it in answer.json()["errors"]} == {"file_not_found"}


def test_a_job_can_be_tried_out(tenant: Tenant) -> None:
    told = tenant.http.post("/v1/jobs/validate", json=quartic()).json()
    assert told["valid"] is True
    assert told["problems"] == []
    assert told["estimate"]["starts"] == 3
    assert told["resolved"]["classification"]["flatness_cutoff"] == 0.9
    assert "labels" not in told["resolved"]


def test_entity_tags_follow_the_job(tenant: Tenant, queue: InMemoryQueue) -> None:
    before = len(queue.published)
    url = create(tenant)["urls"]["self"]
    tag = tenant.http.get(url).headers["ETag"]
    same = tenant.http.get(url, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == tag
    claim_all(tenant.stores, shards_of(queue, before))
    changed = tenant.http.get(url, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.json()["state"] == "running"
    assert changed.headers["ETag"] != tag


def test_waiting_ends_with_the_job(
    tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    before = len(queue.published)
    url = create(tenant)["urls"]["self"]

    def work() -> None:
        time.sleep(0.3)
        succeed(tenant.stores, shards_of(queue, before), tmp_path)

    worker = Thread(target=work)
    worker.start()
    answer = tenant.http.get(url, headers={"Prefer": "wait=20"})
    worker.join()
    assert answer.json()["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert "Retry-After" not in answer.headers
    assert answer.elapsed.total_seconds() < 10


def test_waiting_ends_with_the_time(tenant: Tenant) -> None:
    answer = tenant.http.post("/v1/jobs", json=quartic(), headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert 1 <= answer.elapsed.total_seconds() < 2
    now = tenant.http.get(answer.json()["urls"]["self"], headers={"Prefer": "wait=0"})
    assert now.headers["Preference-Applied"] == "wait=0"
    assert now.elapsed.total_seconds() < 1


def test_a_queued_job_is_cancelled_at_once(tenant: Tenant) -> None:
    url = create(tenant)["urls"]["self"]
    for _ in range(2):
        answer = tenant.http.post(f"{url}/cancel")
        assert answer.status_code == 200
        assert answer.json()["state"] == "cancelled"
    report = tenant.http.get(f"{url}/report")
    assert (report.status_code, report.json()["code"]) == (404, "report_not_ready")


def test_a_running_job_is_asked_to_end(tenant: Tenant, queue: InMemoryQueue) -> None:
    before = len(queue.published)
    url = create(tenant)["urls"]["self"]
    shards = shards_of(queue, before)
    (claim,) = claim_all(tenant.stores, shards)
    answer = tenant.http.post(f"{url}/cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "cancelling"
    renewal = tenant.stores.shards.renew(claim.token, lease_seconds=60)
    assert renewal is not None
    assert renewal.cancel_requested


def test_an_ended_job_can_be_repeated(tenant: Tenant, queue: InMemoryQueue) -> None:
    before = len(queue.published)
    job = create(tenant, quartic(labels={"a": "b"}))
    url = job["urls"]["self"]
    early = tenant.http.post(f"{url}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "job_not_terminal")
    fail(tenant.stores, shards_of(queue, before), "out_of_memory")
    failed = tenant.http.get(url).json()
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "out_of_memory"
    report = tenant.http.get(f"{url}/report")
    assert (report.status_code, report.json()["code"]) == (409, "job_failed")
    answer = tenant.http.post(f"{url}/retry")
    again = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == again["urls"]["self"] != url
    assert again["retried_from"] == job["id"]
    assert again["state"] == "queued"
    for name in ("problem", "starts", "finder", "labels", "seed"):
        assert again[name] == job[name]


def test_only_ended_jobs_are_deleted(tenant: Tenant) -> None:
    url = create(tenant)["urls"]["self"]
    early = tenant.http.delete(url)
    assert (early.status_code, early.json()["code"]) == (409, "job_not_terminal")
    tenant.http.post(f"{url}/cancel")
    assert tenant.http.delete(url).status_code == 204
    gone = tenant.http.get(url)
    assert gone.status_code == 404
    assert gone.json()["code"] == "job_not_found"


def test_lists_are_filtered_and_paged(tenant: Tenant) -> None:
    jobs = [create(tenant, quartic(labels={"n": str(n)})) for n in range(5)]
    ids = [it["id"] for it in jobs]
    tenant.http.post(f"{jobs[0]['urls']['self']}/cancel")
    everything = tenant.http.get("/v1/jobs").json()
    assert [it["id"] for it in everything["items"]] == ids[::-1]
    assert everything["next_cursor"] is None
    page = tenant.http.get("/v1/jobs?limit=3").json()
    rest = tenant.http.get(f"/v1/jobs?limit=3&cursor={page['next_cursor']}").json()
    assert [it["id"] for it in page["items"] + rest["items"]] == ids[::-1]
    cancelled = tenant.http.get("/v1/jobs?state=cancelled").json()["items"]
    assert [it["id"] for it in cancelled] == ids[:1]
    labelled = tenant.http.get("/v1/jobs", params={"label": "n=3"}).json()["items"]
    assert [it["id"] for it in labelled] == [ids[3]]
    wrong = tenant.http.get("/v1/jobs?state=lost")
    assert wrong.json()["errors"][0]["pointer"] == "query/state"
    bad = tenant.http.get("/v1/jobs?cursor=nonsense")
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


def test_events_can_be_read_on(tenant: Tenant, queue: InMemoryQueue) -> None:
    before = len(queue.published)
    job = create(tenant)
    url = job["urls"]["events"]
    first = tenant.http.get(url).json()
    assert [it["type"] for it in first["items"]] == ["state"]
    assert first["items"][0]["job_id"] == job["id"]
    after = first["next_after"]
    assert tenant.http.get(f"{url}?after={after}").json() == {
        "items": [],
        "next_after": after,
    }
    claim_all(tenant.stores, shards_of(queue, before))
    second = tenant.http.get(f"{url}?after={after}").json()
    assert {"state": "running"} in [it["data"] for it in second["items"]]
    assert [it["sequence"] for it in second["items"]] == list(
        range(after + 1, second["next_after"] + 1)
    )


def test_jobs_of_others_are_not_there(tenant: Tenant, api: LiveApi) -> None:
    url = create(tenant)["urls"]["self"]
    with api.client(api.key()[1]) as other:
        for answer in (
            other.get(url),
            other.delete(url),
            other.post(f"{url}/cancel"),
            other.post(f"{url}/retry"),
            other.get(f"{url}/events"),
            other.get(f"{url}/report"),
            other.get(f"{url}/points"),
            other.get(f"{url}/artifacts/points.safetensors"),
            other.get("/v1/jobs/job_nonsense%00"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_too_many_unfinished_jobs(tenant: Tenant) -> None:
    for _ in range(tenant.api.settings.quota_active_jobs):
        create(tenant)
    answer = tenant.http.post("/v1/jobs", json=quartic())
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
