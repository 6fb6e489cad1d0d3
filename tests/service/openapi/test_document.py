import json
from pathlib import Path
from typing import Any

import pytest

from service.openapi import document

COMMITTED = Path(__file__).parents[3] / "openapi" / "openapi.json"
OPERATIONS = {
    *("upload_file", "get_file", "list_files", "delete_file", "list_file_tensors"),
    *("create_upload", "list_uploads", "get_upload", "head_upload", "append_upload"),
    "delete_upload",
    *("validate_job", "create_job", "get_job", "list_jobs", "cancel_job"),
    *(
        "retry_job",
        "delete_job",
        "list_job_events",
        "stream_job_events",
        "get_report",
        "list_points",
    ),
    *("download_artifact", "get_me", "get_capabilities"),
    *("create_webhook", "list_webhooks", "get_webhook", "delete_webhook"),
    "rotate_webhook_secret",
    *("list_deliveries", "resend_delivery"),
    *("health_live", "health_ready", "get_metrics"),
}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(document())
    return parsed


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == document(), (
        "run: python -m service.openapi > openapi/openapi.json"
    )


def test_operations_have_their_names(contract: dict[str, Any]) -> None:
    operations = [it for path in contract["paths"].values() for it in path.values()]
    assert {it["operationId"] for it in operations} == OPERATIONS
    assert len(operations) == len(OPERATIONS)


def test_errors_are_problems(contract: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/ProblemDetails"}
    for path in contract["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400" and operation["operationId"] != "health_ready":
                    assert response["content"] == {
                        "application/problem+json": {"schema": problem}
                    }


def test_nothing_that_generators_refuse(contract: dict[str, Any]) -> None:
    assert contract["openapi"].startswith("3.1.")
    text = json.dumps(contract)
    for word in ("itemSchema", "contentMediaType", "HTTPValidationError"):
        assert word not in text
