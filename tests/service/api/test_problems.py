import gzip
import json
import logging
import re
import socket
from typing import Any

import httpx
import pytest

from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import LiveApi, Tenant

JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert set(told) == {
        *("type", "title", "status", "detail", "instance", "code", "request_id"),
        "errors",
    }
    assert told["status"] == status
    assert told["code"] == code
    assert told["request_id"] == answer.headers["X-Request-Id"]
    return told


def test_paths_that_are_not_there(tenant: Tenant) -> None:
    for path in ("/", "/v1", "/v1/jobs/", "/v1/nothing", "/docs", "/v1/files/a/b/c"):
        told = problem(tenant.http.get(path), 404, "not_found")
        assert told["instance"] == path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/files", "GET, POST"),
        ("OPTIONS", "/v1/jobs/job_0", "DELETE, GET"),
        ("TRACE", "/v1/me", "GET"),
        ("GET", "/v1/jobs/job_0/cancel", "POST"),
    ],
)
def test_methods_that_are_not_there(
    tenant: Tenant, method: str, path: str, allowed: str
) -> None:
    answer = tenant.http.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


def test_request_ids_are_echoed_when_harmless(tenant: Tenant) -> None:
    own = tenant.http.get("/v1/me", headers={"X-Request-Id": "trace-1.a_b"})
    assert own.headers["X-Request-Id"] == "trace-1.a_b"
    for hostile in ("a b", "x" * 200, '"', ""):
        made = tenant.http.get("/v1/me", headers={"X-Request-Id": hostile})
        assert re.fullmatch("req_[0-9a-f]{32}", made.headers["X-Request-Id"])


def test_foreign_hosts_are_refused(tenant: Tenant) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "[::2]", ""):
        answer = tenant.http.get("/v1/me", headers={"Host": host})
        problem(answer, 400, "host_not_allowed")
    for host in ("localhost:1234", "LOCALHOST", "[::1]:80", "127.0.0.1"):
        assert tenant.http.get("/v1/me", headers={"Host": host}).is_success


def test_answers_are_kept_to_their_client(tenant: Tenant) -> None:
    for answer in (tenant.http.get("/v1/me"), tenant.http.get("/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "body_malformed"),
        (b"{", 400, "body_malformed"),
        (b"\xff\xfe{}", 400, "body_malformed"),
        (b'{"seed": NaN}', 400, "body_malformed"),
        (b'{"seed": 1, "seed": 1}', 400, "body_malformed"),
        (b'{"labels": {"a": "\\u0000"}}', 400, "body_malformed"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "body_malformed"),
        (b"[" * 100_000, 400, "body_malformed"),
        (b" " * 300_000, 413, "body_too_large"),
        (b"[]", 422, "request_invalid"),
        (b"null", 422, "request_invalid"),
        (b'"text"', 422, "request_invalid"),
        (b"{}", 422, "request_invalid"),
    ],
)
def test_bodies_that_are_no_job(
    tenant: Tenant, content: bytes, status: int, code: str
) -> None:
    for path in ("/v1/jobs", "/v1/jobs/validate"):
        problem(tenant.http.post(path, content=content, headers=JSON), status, code)


def test_json_must_say_so(tenant: Tenant) -> None:
    content = json.dumps(quartic()).encode()
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "x"}):
        answer = tenant.http.post("/v1/jobs", content=content, headers=headers)
        problem(answer, 415, "unsupported_media_type")
    utf8 = {"Content-Type": "application/json; charset=utf-8"}
    assert tenant.http.post("/v1/jobs", content=content, headers=utf8).is_success


def test_no_body_is_read_for_those_without_a_key(tenant: Tenant) -> None:
    host, _, port = tenant.api.url.removeprefix("http://").rpartition(":")
    head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        assert raw.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_compressed_json_is_refused_as_such(tenant: Tenant) -> None:
    content = gzip.compress(json.dumps(quartic()).encode())
    answer = tenant.http.post(
        "/v1/jobs", content=content, headers={**JSON, "Content-Encoding": "gzip"}
    )
    problem(answer, 415, "unsupported_media_type")
    assert "compressed" in answer.json()["detail"]


def test_fields_are_named_and_not_repeated(tenant: Tenant) -> None:
    body = quartic(seed=True, surprise="my-secret")
    body["problem"]["terms"][1]["powers"] = ["my-secret", 0]
    body["starts"]["low"] = [1e999, 0.0]
    content = json.dumps(body).replace("Infinity", "1e999").encode()
    answer = tenant.http.post("/v1/jobs", content=content, headers=JSON)
    told = problem(answer, 422, "request_invalid")
    assert {it["pointer"] for it in told["errors"]} == {
        "/seed",
        "/surprise",
        "/problem/terms/1/powers/0",
        "/starts/low/0",
    }
    assert told["detail"] == "4 fields are not as documented"
    assert "my-secret" not in answer.text


def test_numbers_too_large_for_floats(tenant: Tenant) -> None:
    body = quartic()
    body["problem"]["terms"][0]["coefficient"] = 10**400
    told = problem(tenant.http.post("/v1/jobs", json=body), 422, "request_invalid")
    assert told["errors"][0]["pointer"] == "/problem/terms/0/coefficient"
    assert told["detail"] == "1 field is not as documented"


def test_a_failure_is_logged_and_not_explained(
    api: LiveApi, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    engine = api.stores.engine
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE api_keys SET scopes = X'FF' WHERE tenant = ?", (tenant.name,)
        )
    with caplog.at_level(logging.ERROR):
        answer = tenant.http.get("/v1/me")
    told = problem(answer, 500, "internal_error")
    assert "Traceback" not in answer.text
    assert told["request_id"] in caplog.text
    assert "Traceback" in caplog.text


def test_unknown_parameters_are_refused(tenant: Tenant) -> None:
    answer = tenant.http.get("/v1/jobs?lable=a&limit=5")
    told = problem(answer, 422, "request_invalid")
    assert [it["pointer"] for it in told["errors"]] == ["query/lable"]
    problem(tenant.http.get("/v1/health/live?x=1"), 422, "request_invalid")


def test_repeated_parameters_are_refused(tenant: Tenant) -> None:
    answer = tenant.http.get("/v1/jobs?state=queued&state=running&limit=5")
    told = problem(answer, 422, "request_invalid")
    assert [(it["pointer"], it["code"]) for it in told["errors"]] == [
        ("query/state", "repeated")
    ]
