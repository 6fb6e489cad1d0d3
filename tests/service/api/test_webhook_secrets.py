"""Secrets of webhooks: one follows another, and both sign meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.settings import Settings
from tests.support.servers.live_api import LiveApi, Tenant, live_api
from tests.support.servers.receiver import Received, Receiver
from tests.support.webhooks import Webhook, end, register, settled, verified


@pytest.fixture(scope="module", params=["to this machine"])
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("secrets")
    with live_api(Settings(data_dir=folder, webhooks_to_private=True)) as api:
        yield api


@pytest.fixture
def ada(local: LiveApi) -> Iterator[Tenant]:
    with local.tenant() as tenant:
        yield tenant


def rotate(tenant: Tenant, webhook: Webhook, **body: int) -> dict[str, Any]:
    url = f"/v1/webhooks/{webhook['id']}/secret/rotate"
    answer = tenant.http.post(url, json=body)
    assert answer.status_code == 200, answer.text
    rotated: dict[str, Any] = answer.json()
    return rotated


def message(tenant: Tenant, webhook: Webhook, target: Receiver) -> Received:
    """A message that is sent now."""
    end(tenant)
    settled(tenant, webhook)
    return target.received[-1]


def signatures(message: Received) -> int:
    return len(message.headers["webhook-signature"].split(" "))


def test_both_secrets_sign_until_the_old_one_ends(
    ada: Tenant, target: Receiver
) -> None:
    webhook = register(ada, target.url)
    assert webhook["old_secrets_until"] is None
    rotated = rotate(ada, webhook)
    assert rotated["secret"] != webhook["secret"]
    assert rotated["old_secrets_until"] > rotated["created_at"]
    both = message(ada, webhook, target)
    assert signatures(both) == 2
    assert verified(both, webhook["secret"]) == verified(both, rotated["secret"])


def test_an_old_secret_can_end_at_once(ada: Tenant, target: Receiver) -> None:
    webhook = register(ada, target.url)
    rotated = rotate(ada, webhook, overlap_seconds=0)
    alone = message(ada, webhook, target)
    assert signatures(alone) == 1
    verified(alone, rotated["secret"])


def test_a_rotation_whose_answer_was_lost_can_be_repeated(
    ada: Tenant, target: Receiver
) -> None:
    webhook = register(ada, target.url)
    secrets = [webhook["secret"], *(rotate(ada, webhook)["secret"] for _ in range(2))]
    every = message(ada, webhook, target)
    assert signatures(every) == 3
    for secret in secrets:
        verified(every, secret)


def test_the_five_newest_secrets_sign(ada: Tenant, target: Receiver) -> None:
    webhook = register(ada, target.url)
    secrets = [rotate(ada, webhook)["secret"] for _ in range(6)]
    some = message(ada, webhook, target)
    assert signatures(some) == 5
    for secret in secrets[1:]:
        verified(some, secret)


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1])
def test_an_overlap_has_bounds(ada: Tenant, target: Receiver, seconds: int) -> None:
    webhook = register(ada, target.url)
    answer = ada.http.post(
        f"/v1/webhooks/{webhook['id']}/secret/rotate", json={"overlap_seconds": seconds}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/overlap_seconds"
