import json
import socket

import pytest

from tests.support.servers.live_api import LiveApi

LINE = b"GET /v1/health/live HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        LINE + b"Host: a\r\nContent-Length: U/Lt\r\n\r\n",
        LINE + b"Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        LINE + b"Host: a\r\nno colon\r\n\r\n",
        LINE + b"\r\n",
        LINE
        + b"Host: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"0\r\n\r\n"
        + LINE
        + b"Host: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(
    api: LiveApi, request_bytes: bytes
) -> None:
    port = int(api.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(request_bytes)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (400, "request_malformed")
    assert problem["request_id"].encode() in head
