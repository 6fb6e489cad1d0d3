"""Random requests, good and bad, find no 5xx and no answer that is not documented."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from tests.support.generated_client import DOCUMENT
from tests.support.servers.live_api import LiveApi

# Only the schema can be satisfied at random: neither the tensors in an upload, nor a
# cursor, nor the sense of a job.
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {"expected-statuses": ["4xx"]},
        },
        # Boundary values of every list in a job make bodies of many megabytes.
        "operations": [
            {"include-tag": "jobs", "phases": {"coverage": {"enabled": False}}}
        ],
    }
)
schema = schemathesis.openapi.from_dict(json.loads(DOCUMENT.read_text()), config=CONFIG)


# Without a parameter all operations would have one test id, and of tests with the same
# id only one runs where several processes share them.
@pytest.fixture(scope="module", params=["all scopes"])
def key(api: LiveApi) -> str:
    return api.key()[1]


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_answers_are_documented(
    case: schemathesis.Case[Any], api: LiveApi, key: str
) -> None:
    case.call_and_validate(base_url=api.url, headers={"Authorization": f"Bearer {key}"})
