"""Webhooks end to end: registered, told of a job's end by a real connection."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.sql.schema import migrate
from tests.support.jobs import create_job
from tests.support.servers.live_api import LiveApi, Tenant, live_api
from tests.support.servers.receiver import Receiver
from tests.support.servers.waiting import until
from tests.support.webhooks import (
    Webhook,
    deliveries,
    end,
    register,
    settled,
    verified,
)


@pytest.fixture(scope="module", params=["short pauses"])
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """A server that sends to this machine, and tries again at once."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("webhooks"),
        webhooks_to_private=True,
        webhook_retry_seconds=[0.0, 0.0],
    )
    with live_api(settings) as api:
        yield api


@pytest.fixture
def ada(local: LiveApi) -> Iterator[Tenant]:
    with local.tenant() as tenant:
        yield tenant


def test_the_end_of_a_job_is_told_and_signed(
    ada: Tenant, target: Receiver, tmp_path: Path
) -> None:
    webhook = register(ada, target.url)
    assert 24 <= len(base64.b64decode(webhook["secret"].removeprefix("whsec_"))) <= 64
    job_id = end(ada, tmp_path)
    (delivery,) = settled(ada, webhook)
    (message,) = target.received
    assert message.path == "/hook?a=b"
    assert message.headers["Host"] == f"127.0.0.1:{target.port}"
    assert message.headers["Content-Type"] == "application/json"
    body = verified(message, webhook["secret"])
    assert " " not in message.headers["webhook-signature"]
    assert body["type"] == "job.succeeded"
    assert body["data"] == {
        "id": job_id,
        "state": "succeeded",
        "error": None,
        "url": f"/v1/jobs/{job_id}",
    }
    assert delivery["id"] == message.headers["webhook-id"]
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
    assert (delivery["job_id"], delivery["last_status"]) == (job_id, 204)
    assert delivery["delivered_at"] is not None


def test_a_message_is_sent_again_until_it_is_taken(
    ada: Tenant, target: Receiver
) -> None:
    webhook = register(ada, target.url)
    target.statuses += [500, 302]
    target.location = f"http://127.0.0.1:{target.port}/elsewhere"
    end(ada)
    (delivery,) = settled(ada, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 3)
    assert {it.path for it in target.received} == {"/hook?a=b"}
    assert len({it.headers["webhook-id"] for it in target.received}) == 1
    for message in target.received:
        body = verified(message, webhook["secret"])
        assert body["data"]["error"] == "out_of_memory"


def test_a_message_is_given_up_and_can_be_sent_again(
    ada: Tenant, target: Receiver
) -> None:
    webhook = register(ada, target.url)
    target.statuses += [500, 500, 500]
    end(ada)
    (delivery,) = settled(ada, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("failed", 3)
    assert (delivery["last_status"], delivery["next_attempt_at"]) == (500, None)
    url = f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/resend"
    answer = ada.http.post(url)
    assert answer.status_code == 202
    assert answer.json()["state"] == "pending"
    (again,) = settled(ada, webhook)
    assert (again["state"], again["id"]) == ("delivered", delivery["id"])
    assert len(target.received) == 4


def test_a_receiver_that_is_gone_is_not_asked_again(
    ada: Tenant, target: Receiver
) -> None:
    webhook = register(ada, target.url)
    target.statuses.append(410)
    end(ada)
    (delivery,) = settled(ada, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("failed", 1)


def test_nobody_listening_is_told_in_words(ada: Tenant, target: Receiver) -> None:
    webhook = register(ada, f"http://127.0.0.1:{target.port}")
    nowhere = register(ada, "http://nowhere.invalid/")
    dead = register(ada, "http://127.0.0.1:9/")
    end(ada)
    assert settled(ada, webhook)[0]["state"] == "delivered"
    assert settled(ada, nowhere)[0]["last_error"] == "unresolved"
    assert settled(ada, dead)[0]["last_error"] == "unreachable"


def test_webhooks_hear_what_they_want_to(
    ada: Tenant, target: Receiver, tmp_path: Path
) -> None:
    good = register(ada, target.url, events=["job.succeeded"])
    every = register(ada, target.url)
    end(ada, tmp_path)
    end(ada)
    assert [it["type"] for it in settled(ada, good)] == ["job.succeeded"]
    told = {it["type"] for it in settled(ada, every)}
    assert told == {"job.succeeded", "job.failed"}
    page = ada.http.get(f"/v1/webhooks/{every['id']}/deliveries?limit=1").json()
    rest = ada.http.get(
        f"/v1/webhooks/{every['id']}/deliveries?cursor={page['next_cursor']}"
    ).json()
    assert page["items"] + rest["items"] == deliveries(ada, every)


def test_a_deleted_webhook_hears_no_more(ada: Tenant, target: Receiver) -> None:
    kept, deleted = register(ada, target.url), register(ada, target.url)
    url = f"/v1/webhooks/{deleted['id']}"
    assert ada.http.get(url).json() == {
        name: value for name, value in deleted.items() if name != "secret"
    }
    assert ada.http.delete(url).status_code == 204
    gone = ada.http.get(url)
    assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")
    assert [it["id"] for it in ada.http.get("/v1/webhooks").json()["items"]] == [
        kept["id"]
    ]
    end(ada)
    settled(ada, kept)
    assert len(target.received) == 1
    never = ada.http.post(f"/v1/webhooks/{kept['id']}/deliveries/delivery_0/resend")
    assert (never.status_code, never.json()["code"]) == (404, "delivery_not_found")


def test_there_are_only_so_many(ada: Tenant, target: Receiver) -> None:
    for _ in range(20):
        register(ada, target.url)
    answer = ada.http.post("/v1/webhooks", json={"url": target.url})
    assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")


INNER = [
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0/",
    "https://10.1.2.3:8443/x",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://224.0.0.1/",
    "http://example.com/",
    "https://user:password@example.com/",
    "https://example.com/#fragment",
    "ftp://example.com/",
    "https:///path",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://[v1.a]/",
    "gopher",
]


@pytest.mark.parametrize("url", INNER)
def test_inner_addresses_are_refused(tenant: Tenant, url: str) -> None:
    answer = tenant.http.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "webhook_url_refused"
    assert tenant.http.get("/v1/webhooks").json()["items"] == []


def test_an_address_that_turns_inner_is_refused_when_something_is_sent(
    tenant: Tenant, target: Receiver
) -> None:
    # As if the name had led elsewhere when it was registered.
    record = tenant.stores.webhooks.create(tenant.name, target.url, ["job.failed"])
    end(tenant)
    webhook: Webhook = {"id": record.id}

    def look() -> dict[str, Any] | None:
        (delivery,) = deliveries(tenant, webhook)
        return delivery if delivery["attempts"] and delivery["last_error"] else None

    assert until(look, what="an attempt")["last_error"] == "address_refused"
    assert target.received == []


def test_what_was_not_sent_when_the_api_ended_is_sent_when_it_is_back(
    tmp_path: Path, target: Receiver
) -> None:
    settings = Settings(data_dir=tmp_path, webhooks_to_private=True)
    stores = open_stores(settings)
    migrate(stores.engine)
    stores.webhooks.create("ada", target.url, ["job.cancelled"])
    job, _ = create_job(stores)
    stores.jobs.request_cancel("ada", job.id)
    stores.engine.dispose()
    with live_api(settings):
        until(lambda: target.received, what="the message")
    assert json.loads(target.received[0].body)["data"]["id"] == job.id


def test_a_public_name_is_taken(tenant: Tenant) -> None:
    answer = tenant.http.post("/v1/webhooks", json={"url": "https://8.8.8.8:8443/x?y"})
    assert answer.status_code == 201
    assert httpx.URL(answer.json()["url"]).host == "8.8.8.8"
