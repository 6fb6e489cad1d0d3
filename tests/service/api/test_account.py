from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.http.strict_json import parse
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import ALL_SCOPES, LiveApi, Tenant

NEEDS: list[tuple[str, str, str | None]] = [
    ("POST", "/v1/files?purpose=weights&filename=a", "files:write"),
    ("GET", "/v1/files", "files:read"),
    ("GET", "/v1/files/file_0", "files:read"),
    ("DELETE", "/v1/files/file_0", "files:write"),
    ("GET", "/v1/files/file_0/tensors", "files:read"),
    ("POST", "/v1/uploads", "files:write"),
    ("GET", "/v1/uploads", "files:read"),
    ("GET", "/v1/uploads/upload_0", "files:read"),
    ("PATCH", "/v1/uploads/upload_0", "files:write"),
    ("DELETE", "/v1/uploads/upload_0", "files:write"),
    ("POST", "/v1/jobs/validate", "jobs:write"),
    ("POST", "/v1/jobs", "jobs:write"),
    ("GET", "/v1/jobs", "jobs:read"),
    ("GET", "/v1/jobs/job_0", "jobs:read"),
    ("DELETE", "/v1/jobs/job_0", "jobs:write"),
    ("POST", "/v1/jobs/job_0/cancel", "jobs:write"),
    ("POST", "/v1/jobs/job_0/retry", "jobs:write"),
    ("GET", "/v1/jobs/job_0/events", "jobs:read"),
    ("GET", "/v1/jobs/job_0/events/stream", "jobs:read"),
    ("GET", "/v1/jobs/job_0/report", "jobs:read"),
    ("GET", "/v1/jobs/job_0/points", "jobs:read"),
    ("GET", "/v1/jobs/job_0/artifacts/a", "jobs:read"),
    ("POST", "/v1/webhooks", "jobs:write"),
    ("GET", "/v1/webhooks", "jobs:read"),
    ("GET", "/v1/webhooks/webhook_0", "jobs:read"),
    ("DELETE", "/v1/webhooks/webhook_0", "jobs:write"),
    ("POST", "/v1/webhooks/webhook_0/secret/rotate", "jobs:write"),
    ("GET", "/v1/webhooks/webhook_0/deliveries", "jobs:read"),
    ("POST", "/v1/webhooks/webhook_0/deliveries/delivery_0/resend", "jobs:write"),
    ("GET", "/v1/metrics", "metrics:read"),
    ("GET", "/v1/me", None),
    ("GET", "/v1/capabilities", None),
]


def test_every_operation_is_listed_here(anonymous: httpx.Client) -> None:
    document = anonymous.get("/openapi.json").json()
    operations = sum(len(it) for it in document["paths"].values())
    assert operations == len(NEEDS) + 3  # and health, and HEAD, which has no body


@pytest.mark.parametrize(("method", "path", "scope"), NEEDS)
def test_keys_and_scopes_are_needed(  # noqa: PLR0917
    api: LiveApi,
    tenant: Tenant,
    anonymous: httpx.Client,
    method: str,
    path: str,
    scope: str | None,
) -> None:
    answer = anonymous.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    _, key = api.key(tenant.name, ALL_SCOPES - {scope or ""})
    with api.client(key) as http:
        answer = http.request(method, path)
    if scope is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "insufficient_scope",
        )


def test_keys_that_do_not_work_look_alike(api: LiveApi, tenant: Tenant) -> None:
    keys = api.stores.keys
    revoked_id, revoked = keys.create(tenant=tenant.name, scopes=ALL_SCOPES)
    assert keys.revoke(revoked_id)
    _, expired = keys.create(
        tenant=tenant.name,
        scopes=ALL_SCOPES,
        expires_at=datetime.now(UTC) - timedelta(seconds=1),
    )
    answers: set[str] = set()
    for key in (revoked, expired, tenant.key[:-1] + "0", "x", "gfk_" + "é" * 43):
        with api.client(None) as http:
            answer = http.get(
                "/v1/me",
                headers={b"Authorization": f"Bearer {key}".encode()},
            )
        assert answer.status_code == 401
        answers.add(answer.text.replace(answer.json()["request_id"], ""))
    for header in ("Basic eDp5", "Bearer", tenant.key, f"Token {tenant.key}"):
        with api.client(None) as http:
            answer = http.get("/v1/me", headers={"Authorization": header})
        assert answer.status_code == 401
        answers.add(answer.text.replace(answer.json()["request_id"], ""))
    assert len(answers) == 1


def test_me(tenant: Tenant) -> None:
    tenant.http.post("/v1/jobs", json=quartic())
    me = tenant.http.get("/v1/me").json()
    assert me["tenant"] == tenant.name
    assert me["scopes"] == sorted(ALL_SCOPES)
    assert me["usage"] == {
        "stored_bytes": 0,
        "files": 0,
        "active_jobs": 1,
        "device_seconds": 0,
    }
    assert me["quotas"]["active_jobs"] == tenant.api.settings.quota_active_jobs
    assert tenant.key not in str(me)


def test_capabilities(tenant: Tenant) -> None:
    tenant.stores.workers.beat("worker-1", device="cpu", version="0")
    told = tenant.http.get("/v1/capabilities").json()
    assert told["problems"] == ["network", "linear_autoencoder", "polynomial"]
    assert {"linear", "conv2d", "relu", "residual"} <= set(told["layers"])
    assert "digits" in told["builtin_datasets"]
    assert told["spectra"] == ["lanczos"]
    assert told["precisions"] == ["float64", "float32"]
    assert "cpu" in told["devices"]
    assert told["limits"]["upload_bytes"] == tenant.api.settings.upload_limit_bytes


def test_the_document_needs_no_key(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/openapi.json")
    assert answer.status_code == 200
    document = parse(answer.content)
    assert isinstance(document, dict)
    assert document["openapi"].startswith("3.1.")
