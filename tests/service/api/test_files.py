import base64
import gzip
import hashlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.requests.tensors import weights_of
from tests.support.servers.live_api import LiveApi, Tenant

WEIGHTS = weights_of(3, 2)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
BINARY = {"Content-Type": "application/octet-stream"}
TARGET = "/v1/files?purpose=weights&filename=mlp.safetensors"


def upload(tenant: Tenant, content: bytes = WEIGHTS) -> str:
    answer = tenant.http.post(TARGET, content=content, headers=BINARY)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def leftovers(tenant: Tenant) -> list[str]:
    """Of uploads in one request; drafts of others may lie beside them."""
    names = [it.name for it in tenant.stores.blobs.scratch().iterdir()]
    return [it for it in names if it.startswith("upload-")]


def test_an_uploaded_file_is_described(tenant: Tenant) -> None:
    answer = tenant.http.post(TARGET, content=WEIGHTS, headers=BINARY)
    assert answer.status_code == 201
    file = answer.json()
    assert file["object"] == "file"
    assert file["purpose"] == "weights"
    assert file["filename"] == "mlp.safetensors"
    assert file["bytes"] == len(WEIGHTS)
    assert file["sha256"] == SHA256
    assert file["tensor_count"] == 2
    assert file["created_at"].endswith("Z")
    assert answer.headers["Location"] == f"/v1/files/{file['id']}"
    assert tenant.http.get(f"/v1/files/{file['id']}").json() == file
    assert tenant.http.get("/v1/files").json() == {"items": [file], "next_cursor": None}
    assert leftovers(tenant) == []


def test_the_same_bytes_are_the_same_file(tenant: Tenant) -> None:
    first = tenant.http.post(TARGET, content=WEIGHTS, headers=BINARY)
    second = tenant.http.post(TARGET, content=WEIGHTS, headers=BINARY)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert leftovers(tenant) == []


def test_tensors_are_listed_by_name(tenant: Tenant) -> None:
    items = tenant.http.get(f"/v1/files/{upload(tenant)}/tensors").json()["items"]
    assert [(it["name"], it["dtype"], it["shape"]) for it in items] == [
        ("layers.0.bias", "F64", [2]),
        ("layers.0.weight", "F64", [2, 3]),
    ]
    assert all(it["minimum"] <= it["maximum"] and it["finite"] for it in items)


def test_deleted_files_are_gone(tenant: Tenant) -> None:
    url = f"/v1/files/{upload(tenant)}"
    assert tenant.http.delete(url).status_code == 204
    for answer in (tenant.http.get(url), tenant.http.delete(url)):
        assert answer.status_code == 404
        assert answer.json()["code"] == "file_not_found"


def test_pages_cover_all_files_once(tenant: Tenant) -> None:
    ids = [upload(tenant, weights_of(2, width)) for width in (1, 2, 3, 4, 5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = tenant.http.get("/v1/files", params={"limit": 2, **cursor}).json()
        seen += [it["id"] for it in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]
    bad = tenant.http.get("/v1/files?cursor=nonsense")
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


def test_chunked_bodies_are_taken(tenant: Tenant) -> None:
    def pieces() -> Iterator[bytes]:
        yield WEIGHTS[:10]
        yield WEIGHTS[10:]

    answer = tenant.http.post(TARGET, content=pieces(), headers=BINARY)
    assert answer.json()["sha256"] == SHA256


@pytest.mark.parametrize("chunked", [False, True])
def test_the_limit_holds(tenant: Tenant, *, chunked: bool) -> None:
    size = tenant.api.settings.upload_limit_bytes

    def pieces() -> Iterator[bytes]:
        for _ in range(size // 65536 + 1):
            yield bytes(65536)

    content = pieces() if chunked else bytes(size + 1)
    answer = tenant.http.post(TARGET, content=content, headers=BINARY)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert leftovers(tenant) == []


def test_other_types_are_refused(tenant: Tenant) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        answer = tenant.http.post(
            TARGET, content=WEIGHTS, headers={"Content-Type": kind}
        )
        assert answer.status_code == 415
        assert answer.json()["code"] == "unsupported_media_type"
    assert tenant.http.post(TARGET, content=WEIGHTS).status_code == 201


def test_compressed_files_are_refused_as_such(tenant: Tenant) -> None:
    answer = tenant.http.post(
        TARGET,
        content=gzip.compress(WEIGHTS),
        headers={**BINARY, "Content-Encoding": "gzip"},
    )
    assert answer.status_code == 415
    assert "compressed" in answer.json()["detail"]


def test_a_body_must_be_there(tenant: Tenant) -> None:
    host = tenant.http.base_url.netloc.decode()
    with socket.create_connection(("127.0.0.1", tenant.http.base_url.port or 0)) as raw:
        raw.sendall(
            f"POST {TARGET} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"Authorization: Bearer {tenant.key}\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 411")
    assert b"length_required" in answer


def test_digests_are_compared(tenant: Tenant) -> None:
    def answer(digest: bytes) -> httpx.Response:
        stated = f"sha-256=:{base64.b64encode(digest).decode()}:"
        headers = {**BINARY, "Content-Digest": stated}
        return tenant.http.post(TARGET, content=WEIGHTS, headers=headers)

    wrong = answer(hashlib.sha256(b"other").digest())
    assert (wrong.status_code, wrong.json()["code"]) == (422, "checksum_mismatch")
    assert answer(bytes.fromhex(SHA256)).status_code == 201


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x80\x04pickle", WEIGHTS[:-1]])
@pytest.mark.parametrize("purpose", ["weights", "dataset"])
def test_bytes_that_are_no_tensors(
    tenant: Tenant, content: bytes, purpose: str
) -> None:
    answer = tenant.http.post(
        f"/v1/files?purpose={purpose}&filename=a", content=content, headers=BINARY
    )
    assert (answer.status_code, answer.json()["code"]) == (422, f"{purpose}_invalid")
    assert answer.json()["errors"][0]["code"]
    assert leftovers(tenant) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("filename=a", "query/purpose"),
        ("purpose=code&filename=a", "query/purpose"),
        ("purpose=weights&filename=", "query/filename"),
        ("purpose=weights&filename=a%00b", "query/filename"),
        (f"purpose=weights&filename={'a' * 256}", "query/filename"),
    ],
)
def test_parameters_are_checked(tenant: Tenant, query: str, pointer: str) -> None:
    answer = tenant.http.post(f"/v1/files?{query}", content=WEIGHTS, headers=BINARY)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [it["pointer"] for it in answer.json()["errors"]] == [pointer]


def test_a_client_that_goes_away_leaves_nothing(tenant: Tenant) -> None:
    host = tenant.http.base_url.netloc.decode()
    with socket.create_connection(("127.0.0.1", tenant.http.base_url.port or 0)) as raw:
        raw.sendall(
            f"POST {TARGET} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2000000\r\n"
            f"Authorization: Bearer {tenant.key}\r\n\r\n".encode()
            + bytes(1_500_000)
        )
        while not leftovers(tenant):
            pass
    while leftovers(tenant):
        pass
    assert tenant.http.get("/v1/files").json()["items"] == []


def test_files_of_others_are_not_there(tenant: Tenant, api: LiveApi) -> None:
    url = f"/v1/files/{upload(tenant)}"
    with api.client(api.key()[1]) as other:
        for answer in (
            other.get(url),
            other.delete(url),
            other.get(f"{url}/tensors"),
            other.get("/v1/files/file_nonsense%00"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (
                404,
                "file_not_found",
            )
        assert other.get("/v1/files").json()["items"] == []


def test_a_refusal_reaches_a_client_that_is_still_sending(
    anonymous: httpx.Client,
) -> None:
    answer = anonymous.post(TARGET, content=bytes(30_000_000), headers=BINARY)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
