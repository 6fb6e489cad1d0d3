"""Webhooks whose receivers take their time: nobody else waits for them."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from service.settings import Settings
from tests.support.servers.live_api import LiveApi, Tenant, live_api
from tests.support.servers.ports import black_hole
from tests.support.servers.receiver import dripping_receiver, receiver
from tests.support.servers.waiting import until
from tests.support.webhooks import deliveries, end, register, settled

LONG_S = 45.0


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Tenant]:
    """A tenant of a server that waits long for answers."""
    with serving(tmp_path, attempt_seconds=LONG_S) as api, api.tenant() as tenant:
        yield tenant


def serving(folder: Path, *, attempt_seconds: float) -> AbstractContextManager[LiveApi]:
    return live_api(
        Settings(
            data_dir=folder,
            webhooks_to_private=True,
            webhook_attempt_seconds=attempt_seconds,
            webhook_retry_seconds=[],
        )
    )


def test_an_answer_that_never_ends_is_given_up(tmp_path: Path) -> None:
    with (
        dripping_receiver() as port,
        serving(tmp_path, attempt_seconds=0.5) as api,
        api.tenant() as tenant,
    ):
        webhook = register(tenant, f"http://127.0.0.1:{port}/")
        end(tenant)
        (delivery,) = settled(tenant, webhook)
    assert (delivery["state"], delivery["last_error"]) == ("failed", "timed_out")


def test_a_receiver_that_says_nothing_keeps_no_other_waiting(patient: Tenant) -> None:
    with black_hole() as port, receiver() as quick:
        mute = register(patient, f"http://127.0.0.1:{port}/")
        end(patient)
        until(lambda: deliveries(patient, mute)[0]["attempts"], what="an attempt")
        prompt = register(patient, quick.url)
        end(patient)
        assert settled(patient, prompt)[0]["state"] == "delivered"
        assert {it["state"] for it in deliveries(patient, mute)} == {"pending"}


def test_a_server_stops_without_the_answer_that_it_waits_for(tmp_path: Path) -> None:
    with black_hole() as port:
        with serving(tmp_path, attempt_seconds=LONG_S) as api, api.tenant() as tenant:
            webhook = register(tenant, f"http://127.0.0.1:{port}/")
            end(tenant)
            until(lambda: deliveries(tenant, webhook)[0]["attempts"], what="an attempt")
            began = time.monotonic()
        assert time.monotonic() - began < LONG_S / 4
