"""Webhooks as their owners use them, and messages as their receivers check them."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

from service.queue import InMemoryQueue
from tests.support.outcomes import fail, succeed
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import Tenant
from tests.support.servers.receiver import Received
from tests.support.servers.waiting import until

Webhook = dict[str, Any]


def register(tenant: Tenant, url: str, **more: object) -> Webhook:
    answer = tenant.http.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    webhook: Webhook = answer.json()
    assert answer.headers["Location"] == f"/v1/webhooks/{webhook['id']}"
    return webhook


def end(tenant: Tenant, folder: Path | None = None) -> str:
    """A job that ended: well where there is a folder for its results."""
    queue = tenant.api.queue
    assert isinstance(queue, InMemoryQueue)
    before = len(queue.published)
    job_id = tenant.http.post("/v1/jobs", json=quartic()).json()["id"]
    if folder is None:
        fail(tenant.stores, queue.published[before:], "out_of_memory")
    else:
        succeed(tenant.stores, queue.published[before:], folder)
    return str(job_id)


def deliveries(tenant: Tenant, webhook: Webhook) -> list[dict[str, Any]]:
    answer = tenant.http.get(f"/v1/webhooks/{webhook['id']}/deliveries")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def settled(tenant: Tenant, webhook: Webhook) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        found = deliveries(tenant, webhook)
        return [] if any(it["state"] == "pending" for it in found) else found

    return until(look, what="the deliveries")


def verified(message: Received, secret: str) -> dict[str, Any]:
    """The body, as a receiver checks it that knows only Standard Webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers = message.headers
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    signed = b".".join(
        [
            headers["webhook-id"].encode(),
            headers["webhook-timestamp"].encode(),
            message.body,
        ]
    )
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(digest).decode()}"
    assert wanted in headers["webhook-signature"].split(" ")
    body: dict[str, Any] = json.loads(message.body)
    return body
