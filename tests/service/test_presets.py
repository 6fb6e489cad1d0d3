"""The jobs that come with gradflat can be sent as they are."""

import json

import pytest

from service import presets
from tests.support.live_api import Tenant

EXPERIMENTS = [
    *("autoencoder", "classifier", "linear_autoencoder", "memorising_net", "quartic")
]
PARAMETERS = {
    "autoencoder": 552,
    "classifier": 398,
    "linear_autoencoder": 128,
    "memorising_net": 1160,
    "quartic": 2,
}


def test_every_experiment_is_there() -> None:
    assert presets.names() == EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_server_takes_it(name: str, tenant: Tenant) -> None:
    answer = tenant.http.post(
        "/v1/jobs/validate",
        content=presets.read(name),
        headers={"Content-Type": "application/json"},
    )

    verdict = answer.json()
    assert verdict["valid"], verdict["problems"]
    assert verdict["estimate"]["parameters"] == PARAMETERS[name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_says_what_it_is(name: str) -> None:
    labels = json.loads(presets.read(name))["labels"]

    assert labels["preset"] == name
    assert len(labels["about"]) > 20
