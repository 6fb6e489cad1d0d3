"""Clients that say nothing any more, and must not hold a connection for ever."""

import json
import select
import socket
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client.failures import Unreachable, check
from service.client.sending import Sending
from service.http.protocol import Protocol
from service.settings import Settings
from tests.support.requests.job_bodies import quartic
from tests.support.requests.tensors import weights_of
from tests.support.servers.live_api import LiveApi, Tenant, live_api
from tests.support.servers.waiting import until

IDLE_S = 0.5
UPLOAD = {"purpose": "weights", "filename": "a", "bytes": 8, "sha256": "0" * 64}


@pytest.fixture(scope="module", params=["impatient"])
def local(tmp_path_factory: pytest.TempPathFactory) -> Generator[LiveApi]:
    folder = tmp_path_factory.mktemp("idle")
    with live_api(Settings(data_dir=folder, body_idle_seconds=IDLE_S)) as api:
        yield api


@pytest.fixture
def ada(local: LiveApi) -> Generator[Tenant]:
    with local.tenant() as tenant:
        yield tenant


@contextmanager
def connection(api: LiveApi) -> Generator[socket.socket]:
    port = int(api.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        yield raw


def head(tenant: Tenant, method: str, path: str, **more: str) -> bytes:
    fields = {
        "Host": "localhost",
        "Authorization": f"Bearer {tenant.key}",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def rest(raw: socket.socket) -> bytes:
    """All that comes until the server closes the connection, read to its end or not."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := raw.recv(65536):
            received += piece
    return received


def problem(answer: bytes) -> dict[str, Any]:
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 408 ")
    found: dict[str, Any] = json.loads(body)
    return found


def test_a_piece_that_stops_is_refused_and_what_came_counts(ada: Tenant) -> None:
    upload = ada.http.post("/v1/uploads", json=UPLOAD).json()
    path = f"/v1/uploads/{upload['id']}"
    with connection(ada.api) as raw:
        raw.sendall(head(ada, "PATCH", path, Upload_Offset="0", Content_Length="8"))
        raw.sendall(b"abc")
        assert problem(rest(raw))["code"] == "request_timed_out"
    assert ada.http.get(path).json()["offset"] == 3


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/v1/files?purpose=weights&filename=a", "application/octet-stream"),
        ("/v1/jobs", "application/json"),
    ],
)
def test_a_body_that_never_begins_is_refused(
    ada: Tenant, path: str, media_type: str
) -> None:
    with connection(ada.api) as raw:
        raw.sendall(
            head(ada, "POST", path, Content_Type=media_type, Content_Length="100")
        )
        assert problem(rest(raw))["code"] == "request_timed_out"


def test_an_upload_that_drips_is_refused(ada: Tenant) -> None:
    path = "/v1/files?purpose=weights&filename=a"
    with connection(ada.api) as raw:
        raw.sendall(head(ada, "POST", path, Content_Length="100000"))
        with suppress(ConnectionError):
            while not select.select([raw], [], [], IDLE_S / 20)[0]:
                raw.sendall(b"a")
        assert problem(rest(raw))["code"] == "request_timed_out"


def test_a_json_body_that_drips_is_refused(
    ada: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.http.json_routes._MOST_SECONDS", 3 * IDLE_S)
    with connection(ada.api) as raw:
        raw.sendall(
            head(
                *(ada, "POST", "/v1/jobs"),
                Content_Type="application/json",
                Content_Length="100000",
            )
        )
        with suppress(ConnectionError):
            while not select.select([raw], [], [], IDLE_S / 20)[0]:
                raw.sendall(b" ")
        assert problem(rest(raw))["code"] == "request_timed_out"


def test_a_client_that_paused_carries_on(ada: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights_of(3, 4, 2))
    refused: list[int] = []

    def paused(content: Iterable[bytes], url: str) -> Iterator[bytes]:
        whole = b"".join(content)
        yield whole[:100]
        until(lambda: ada.http.get(url).json()["offset"], what="the refusal")
        yield whole[100:]

    def request(method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - of httpx
        url = f"/v1{path}"
        if method == "PATCH" and not refused:
            options["content"] = paused(options["content"], url)
        try:
            answer = ada.http.request(method, url, **options)
        except httpx.TransportError as error:  # the refusal came too soon to be read
            refused.append(0)
            raise Unreachable from error
        if answer.is_error:
            refused.append(answer.status_code)
        check(answer)
        return answer

    stored = Sending(request, path, "weights", patience_seconds=60.0).run()
    assert refused in ([408], [0])
    assert stored.bytes == path.stat().st_size


def test_an_answer_may_take_longer(ada: Tenant) -> None:
    answer = ada.http.post("/v1/jobs", json=quartic(), headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET /v1/health/live HTTP/1.1\r\n" * 2]
)
def test_a_request_that_never_begins_is_cut_off(
    local: LiveApi, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(Protocol, "head_s", IDLE_S)
    with connection(local) as raw:
        raw.sendall(sent)
        assert rest(raw) == b""


def test_a_client_that_does_not_read_is_cut_off(
    local: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "taking_s", IDLE_S)
    lost, end = threading.Event(), Protocol.connection_lost

    def noticed(self: Protocol, error: Exception | None) -> None:
        lost.set()
        end(self, error)

    monkeypatch.setattr(Protocol, "connection_lost", noticed)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connection(local) as raw:
        raw.sendall(request * 100)
        assert lost.wait(30)


def test_a_client_that_reads_slowly_gets_all(
    local: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "taking_s", 1e-3)
    monkeypatch.setattr("service.http.protocol._LEAST_BYTES_PER_SECOND", 0)
    requests = 20
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    whole = httpx.get(f"{local.url}/openapi.json").content
    with connection(local) as raw:
        raw.sendall(request * requests)
        received = 0
        while received < requests * len(whole):
            received += len(raw.recv(65536))


def test_a_second_request_has_a_time_of_its_own(
    local: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Protocol, "head_s", IDLE_S)
    request = b"GET /v1/health/live HTTP/1.1\r\nHost: localhost\r\n"
    with connection(local) as raw:
        raw.sendall(request + b"\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += raw.recv(65536)
        raw.sendall(request)
        assert rest(raw) == b""
    assert answer.startswith(b"HTTP/1.1 200 OK")
