import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.openapi.changes import breaking_changes
from tests.support.generated_client import DOCUMENT

RELEASED = DOCUMENT.with_name("released.json")
CONTRACT: dict[str, Any] = json.loads(DOCUMENT.read_text())
Change = Callable[[dict[str, Any]], object]


def operation(contract: dict[str, Any], name: str) -> dict[str, Any]:
    return next(
        it
        for path in contract["paths"].values()
        for it in path.values()
        if it["operationId"] == name
    )


def schema(contract: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = contract["components"]["schemas"][name]
    return found


def field(contract: dict[str, Any], name: str, of: str) -> dict[str, Any]:
    found: dict[str, Any] = schema(contract, of)["properties"][name]
    return found


def changed(change: Change) -> list[str]:
    contract = copy.deepcopy(CONTRACT)
    change(contract)
    assert contract != CONTRACT
    return breaking_changes(CONTRACT, contract)


def add_field(contract: dict[str, Any], name: str, *, required: bool) -> None:
    schema(contract, name)["properties"]["new"] = {"type": "string"}
    if required:
        schema(contract, name)["required"].append("new")


def drop_field(contract: dict[str, Any], name: str, of: str) -> None:
    del schema(contract, of)["properties"][name]
    if name in schema(contract, of)["required"]:
        schema(contract, of)["required"].remove(name)


def add_parameter(contract: dict[str, Any], *, required: bool) -> None:
    operation(contract, "list_files")["parameters"].append(
        {"name": "new", "in": "query", "required": required, "schema": {}}
    )


def add_finder(contract: dict[str, Any]) -> None:
    known = schema(contract, "NoFinder")
    new = copy.deepcopy(known)
    new["properties"]["kind"]["const"] = "new"
    contract["components"]["schemas"]["NewFinder"] = new
    for name in ("JobRequest", "Specification", "Job"):
        schemas = contract["components"]["schemas"]
        if "finder" in schemas.get(name, {}).get("properties", {}):
            schemas[name]["properties"]["finder"]["oneOf"].append(
                {"$ref": "#/components/schemas/NewFinder"}
            )


BREAKING: dict[str, tuple[Change, str]] = {
    "operation gone": (
        lambda it: it["paths"]["/v1/me"].pop("get"),
        "GET /v1/me: is gone",
    ),
    "path gone": (lambda it: it["paths"].pop("/v1/me"), "GET /v1/me: is gone"),
    "operation renamed": (
        lambda it: operation(it, "get_me").update(operationId="me"),
        "is called me, not get_me",
    ),
    "parameter gone": (
        lambda it: operation(it, "list_files")["parameters"].clear(),
        "query/limit: is gone",
    ),
    "parameter new and required": (
        lambda it: add_parameter(it, required=True),
        "query/new: is new and required",
    ),
    "parameter narrower": (
        lambda it: operation(it, "list_files")["parameters"][0]["schema"].update(
            maximum=100
        ),
        "query/limit: maximum 200 exceeds 100",
    ),
    "body of another type": (
        lambda it: operation(it, "upload_file")["requestBody"].update(content={}),
        "body: application/octet-stream is gone",
    ),
    "request field gone": (
        lambda it: drop_field(it, "filename", "UploadRequest"),
        "body/filename: is not understood",
    ),
    "request field required": (
        lambda it: schema(it, "UploadRequest")["required"].append("filename"),
        "body/filename: may be missing",
    ),
    "request field of another type": (
        lambda it: field(it, "bytes", "UploadRequest").update(type="string"),
        "body/bytes: integer is not string",
    ),
    "request alternative gone": (
        lambda it: field(it, "problem", "JobRequest")["oneOf"].pop(),
        "body/problem: polynomial is not understood",
    ),
    "nested request field gone": (
        lambda it: drop_field(it, "l2", "MseLoss"),
        "body/problem/loss/l2: is not understood",
    ),
    "answer field gone": (
        lambda it: drop_field(it, "sha256", "StoredFile"),
        "200/sha256: may be missing",
    ),
    "answer field optional": (
        lambda it: schema(it, "StoredFile")["required"].remove("bytes"),
        "200/bytes: may be missing",
    ),
    "answer field may be null": (
        lambda it: field(it, "filename", "StoredFile").update(
            {"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        "200/filename: null is not string",
    ),
    "answer of another state": (
        lambda it: schema(it, "Job")["properties"]["state"]["enum"].append("paused"),
        "202/state: 'paused' is not understood",
    ),
    "answer status gone": (
        lambda it: operation(it, "create_job")["responses"].pop("202"),
        "POST /v1/jobs: 202: is gone",
    ),
    "no key needed before": (
        lambda it: operation(it, "health_live").update(security=[{"HTTPBearer": []}]),
        "GET /v1/health/live: security changed",
    ),
}
HARMLESS: dict[str, Change] = {
    "operation": lambda it: it["paths"].update({"/v1/new": it["paths"]["/v1/me"]}),
    "parameter": lambda it: add_parameter(it, required=False),
    "request field": lambda it: add_field(it, "UploadRequest", required=False),
    "answer field": lambda it: add_field(it, "StoredFile", required=True),
    "wider bound": lambda it: field(it, "bytes", "UploadRequest").pop("maximum"),
    "description": lambda it: field(it, "bytes", "UploadRequest").update(title="x"),
    "problem": lambda it: operation(it, "get_me")["responses"].update({"418": {}}),
    "kind of finder": add_finder,
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_clients_is_told(name: str) -> None:
    change, sentence = BREAKING[name]
    found = changed(change)
    assert any(sentence in it for it in found), found


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_break_clients_passes(name: str) -> None:
    assert changed(HARMLESS[name]) == []


def test_the_contract_keeps_what_was_released() -> None:
    assert breaking_changes(json.loads(RELEASED.read_text()), CONTRACT) == []


def test_the_command_fails_on_a_breaking_change(tmp_path: Path) -> None:
    released = copy.deepcopy(CONTRACT)
    released["paths"]["/v1/gone"] = released["paths"]["/v1/me"]
    path = tmp_path / "released.json"
    path.write_text(json.dumps(released))
    done = subprocess.run(
        [sys.executable, "-m", "service.openapi", "breaking", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "GET /v1/gone: is gone\n")
