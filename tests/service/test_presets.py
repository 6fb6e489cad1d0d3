"""The jobs that come with gradflat can be sent as they are."""

import json
from pathlib import Path

import pytest

from service import presets
from tests.support.servers.live_api import Tenant

EXAMPLES = Path(__file__).parents[2] / "examples"
PARAMETERS = {
    "autoencoder": 552,
    "classifier": 398,
    "linear_autoencoder": 128,
    "memorising_net": 1160,
    "quartic": 2,
    "resnet": 400,
    "transformer": 362,
}


def parameters(body: str, tenant: Tenant) -> int:
    """Of the problem of a job that the server takes."""
    answer = tenant.http.post(
        "/v1/jobs/validate",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    verdict = answer.json()
    assert verdict["valid"], verdict["problems"]
    return verdict["estimate"]["parameters"]


def test_every_one_is_there() -> None:
    assert presets.names() == list(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_server_takes_it(name: str, tenant: Tenant) -> None:
    assert parameters(presets.read(name), tenant) == PARAMETERS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_it_says_what_it_is(name: str) -> None:
    labels = json.loads(presets.read(name))["labels"]

    assert labels["preset"] == name
    assert len(labels["about"]) > 20


@pytest.mark.parametrize("name", ["quartic", "resnet", "transformer"])
def test_examples_without_files_are_taken(name: str, tenant: Tenant) -> None:
    body = (EXAMPLES / f"{name}.json").read_text()

    assert parameters(body, tenant) == PARAMETERS[name]
