"""Whatever operation is tried on another tenant's things: they are not there.

The operations are those of the OpenAPI document, so that a new one is walked too.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from service.openapi import document
from service.queue import InMemoryQueue
from service.stores.sql.database import write
from service.stores.sql.tables import jobs
from tests.support.outcomes import claim_all, fail, succeed
from tests.support.requests.job_bodies import quartic, regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.live_api import LiveApi, Tenant

Operation = tuple[str, str]
BINARY = {"Content-Type": "application/octet-stream"}
PATHS: dict[str, dict[str, Any]] = json.loads(document())["paths"]
NAMED: list[Operation] = [
    (method.upper(), path)
    for path, methods in PATHS.items()
    for method in methods
    if "_id}" in path
]
KINDS = {
    "delivery": "{delivery_id}",
    "webhook": "{webhook_id}",
    "upload": "{upload_id}",
    "file": "{file_id}",
    "job": "{job_id}",
}
NOWHERE = "https://nowhere.invalid/"
HEADERS = {"Upload-Offset": "0", "Last-Event-ID": "0"}


@dataclass(frozen=True)
class Estate:
    """What one tenant has: ids by kind and condition."""

    ids: dict[str, dict[str, str]]
    artifact: str = "points.safetensors"


def job(tenant: Tenant, queue: InMemoryQueue) -> tuple[str, list[str]]:
    before = len(queue.published)
    answer = tenant.http.post("/v1/jobs", json=quartic(labels={"owner": "ada"}))
    assert answer.status_code == 202, answer.text
    return answer.json()["id"], queue.published[before:]


@pytest.fixture
def estate(tenant: Tenant, queue: InMemoryQueue, tmp_path: Path) -> Estate:
    """Jobs in every condition, files in use and not, an upload that has begun."""
    made = {
        name: job(tenant, queue)
        for name in ("queued", "running", "failed", "succeeded", "deleted", "expired")
    }
    claim_all(tenant.stores, made["running"][1])
    fail(tenant.stores, made["failed"][1], "out_of_memory")
    artifacts = {"points.safetensors": b"secret"}
    succeed(tenant.stores, made["succeeded"][1], tmp_path, artifacts=artifacts)
    for name in ("deleted", "expired"):
        tenant.http.post(f"/v1/jobs/{made[name][0]}/cancel")
    assert tenant.http.delete(f"/v1/jobs/{made['deleted'][0]}").status_code == 204
    with write(tenant.stores.engine) as connection:
        gone = jobs.c.id == made["expired"][0]
        connection.execute(update(jobs).where(gone).values(expires_at=1))
    files: dict[str, str] = {}
    for purpose, content in (
        ("weights", weights_of(3, 4, 2)),
        ("dataset", regression_data(10, 3, 2)),
    ):
        target = f"/v1/files?purpose={purpose}"
        answer = tenant.http.post(target, content=content, headers=BINARY)
        files[purpose] = answer.json()["id"]
    webhook = tenant.stores.webhooks.create(tenant.name, NOWHERE, ["job.cancelled"])
    cancelled, _ = job(tenant, queue)
    tenant.http.post(f"/v1/jobs/{cancelled}/cancel")
    (delivery,), _ = tenant.stores.deliveries.list(tenant.name, webhook.id, limit=10)
    return Estate(
        ids={
            "job": {name: job_id for name, (job_id, _) in made.items()},
            "file": files,
            "upload": {"begun": begin_upload(tenant)},
            "webhook": {"registered": webhook.id},
            "delivery": {"due": delivery.id},
        }
    )


def begin_upload(tenant: Tenant) -> str:
    answer = tenant.http.post(
        "/v1/uploads",
        json={
            "purpose": "weights",
            "filename": "a",
            "bytes": 8,
            "sha256": "0" * 64,
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def stranger(api: LiveApi) -> Iterator[httpx.Client]:
    with api.client(api.key()[1]) as http:
        yield http


def request(
    http: httpx.Client, operation: Operation, target: str, own: str
) -> httpx.Response:
    method, path = operation
    kind = next(kind for kind, slot in KINDS.items() if slot in path)
    url = path.replace(KINDS[kind], target).replace("{name}", "points.safetensors")
    url = url.replace("{webhook_id}", own)
    if method != "PATCH":
        body = {} if "requestBody" in PATHS[path][method.lower()] else None
        return http.request(method, url, headers=HEADERS, json=body)
    return http.request(method, url, headers=HEADERS | BINARY, content=b"12345678")


def told(answer: httpx.Response, target: str) -> str:
    """An answer without what must differ: the ids of the request and of its target."""
    request_id = answer.headers["X-Request-Id"]
    text = answer.text.replace(request_id, "").replace(target, "")
    return f"{answer.status_code} {text}"


def unknown(kind: str) -> str:
    return f"{kind}_{'0' * 32}"


@pytest.mark.parametrize("operation", NAMED, ids=" ".join)
def test_what_is_another_s_looks_like_what_never_was(
    tenant: Tenant, estate: Estate, stranger: httpx.Client, operation: Operation
) -> None:
    kind = next(kind for kind, slot in KINDS.items() if slot in operation[1])
    # What lies below something else is looked for below the stranger's own.
    own = stranger.post("/v1/webhooks", json={"url": NOWHERE}).json()["id"]
    never = request(stranger, operation, unknown(kind), own)
    assert never.status_code == 404
    if operation[0] != "HEAD":
        assert never.json()["code"] == f"{kind}_not_found"
    for target in estate.ids[kind].values():
        answer = request(stranger, operation, target, own)
        assert told(answer, target) == told(never, unknown(kind))
    for name in ("queued", "running", "failed", "succeeded"):
        url = f"/v1/jobs/{estate.ids['job'][name]}"
        assert tenant.http.get(url).json()["state"] == name
    assert len(tenant.http.get("/v1/files").json()["items"]) == 2
    assert tenant.http.get("/v1/uploads").json()["items"][0]["offset"] == 0


def test_every_kind_of_id_is_walked() -> None:
    slots = set(re.findall(r"\{\w+_id\}", " ".join(PATHS)))
    assert slots == set(KINDS.values())
    assert len(NAMED) >= 15


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/validate"])
def test_files_of_another_cannot_be_named_in_a_job(
    estate: Estate, stranger: httpx.Client, path: str
) -> None:
    files = estate.ids["file"]
    body = regression(files["weights"], files["dataset"], [3, 4, 2])
    never = regression(unknown("file"), unknown("file"), [3, 4, 2])
    answers = [stranger.post(path, json=it) for it in (body, never)]
    texts = {it.text.replace(it.headers["X-Request-Id"], "") for it in answers}
    assert len(texts) == 1
    findings = answers[0].json()["errors" if path == "/v1/jobs" else "problems"]
    assert {it["code"] for it in findings} == {"file_not_found"}


def test_lists_hold_nothing_of_another(
    tenant: Tenant, estate: Estate, stranger: httpx.Client
) -> None:
    cursor = tenant.http.get("/v1/jobs?limit=1").json()["next_cursor"]
    queries = ["", "?state=queued", "?label=owner=ada", f"?cursor={cursor}"]
    for query in queries:
        assert stranger.get(f"/v1/jobs{query}").json()["items"] == []
    for path in ("/v1/files", "/v1/uploads"):
        assert stranger.get(path).json()["items"] == []
    assert stranger.get("/v1/me").json()["usage"] == dict.fromkeys(
        ("stored_bytes", "files", "active_jobs", "device_seconds"), 0
    )
    del estate
