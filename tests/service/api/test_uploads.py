import base64
import hashlib
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest

from service.settings import Settings
from service.stores.bundle import open_stores
from tests.support.requests.tensors import weights_of
from tests.support.servers.live_api import LiveApi, Tenant
from tests.support.servers.waiting import until

WEIGHTS = weights_of(300, 100)
BINARY = {"Content-Type": "application/octet-stream"}


def announcement(content: bytes = WEIGHTS, **changes: object) -> dict[str, object]:
    return {
        "purpose": "weights",
        "filename": "w.safetensors",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }


def begin(tenant: Tenant, content: bytes = WEIGHTS, **changes: object) -> str:
    answer = tenant.http.post("/v1/uploads", json=announcement(content, **changes))
    assert answer.status_code == 201, answer.text
    return f"/v1/uploads/{answer.json()['id']}"


def send(
    tenant: Tenant, url: str, offset: int, piece: bytes | Iterator[bytes], **more: str
) -> httpx.Response:
    headers = {**BINARY, "Upload-Offset": str(offset), **more}
    return tenant.http.patch(url, content=piece, headers=headers)


def offset(tenant: Tenant, url: str) -> int:
    return int(tenant.http.get(url).json()["offset"])


def remains(tenant: Tenant, url: str) -> list[str]:
    names = [it.name for it in tenant.stores.blobs.scratch().iterdir()]
    return [it for it in names if it.startswith("upload-") or it.endswith(url[-32:])]


@contextmanager
def sending(
    tenant: Tenant, url: str, start: int, length: int
) -> Generator[socket.socket]:
    """A connection on which the body of a PATCH can be sent by hand."""
    base = tenant.http.base_url
    with socket.create_connection(("127.0.0.1", base.port or 0)) as raw:
        raw.sendall(
            f"PATCH {url} HTTP/1.1\r\nHost: {base.netloc.decode()}\r\n"
            f"Authorization: Bearer {tenant.key}\r\nUpload-Offset: {start}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        yield raw


def test_pieces_become_a_file(tenant: Tenant) -> None:
    url = begin(tenant)
    upload = tenant.http.get(url).json()
    assert (upload["object"], upload["offset"], upload["file"]) == ("upload", 0, None)
    assert upload["created_at"] < upload["expires_at"]
    for start, end in ((0, 1), (1, 1), (1, 100_000)):
        answer = send(tenant, url, start, WEIGHTS[start:end])
        assert answer.status_code == 200, answer.text
        assert (answer.json()["offset"], answer.json()["file"]) == (end, None)
        assert answer.headers["Upload-Offset"] == str(end)
        head = tenant.http.head(url)
        assert head.headers["Upload-Offset"] == str(end)
        assert head.headers["Upload-Length"] == str(len(WEIGHTS))
        assert head.headers["Cache-Control"] == "no-store"
    file = send(tenant, url, 100_000, iter([WEIGHTS[100_000:]])).json()["file"]
    assert file["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert file["filename"] == "w.safetensors"
    assert tenant.http.get(f"/v1/files/{file['id']}").json() == file
    record = tenant.stores.files.get(tenant.name, file["id"])
    assert b"".join(tenant.stores.blobs.read(record.blob_key)) == WEIGHTS
    assert tenant.http.get(url).json()["file"] == file
    assert send(tenant, url, len(WEIGHTS), b"").json()["file"] == file
    assert remains(tenant, url) == []


def test_the_same_announcement_goes_on(tenant: Tenant) -> None:
    url = begin(tenant)
    send(tenant, url, 0, WEIGHTS[:1000])
    again = tenant.http.post("/v1/uploads", json=announcement(filename="other"))
    assert again.status_code == 200
    assert again.headers["Location"] == url
    assert again.headers["Upload-Offset"] == "1000"
    send(tenant, url, 1000, WEIGHTS[1000:])
    assert tenant.http.delete(url).status_code == 204
    known = tenant.http.post("/v1/uploads", json=announcement())
    assert known.status_code == 201
    assert known.json()["offset"] == len(WEIGHTS)
    assert known.json()["file"]["bytes"] == len(WEIGHTS)


def test_pieces_belong_where_the_upload_stands(tenant: Tenant) -> None:
    url = begin(tenant)
    send(tenant, url, 0, WEIGHTS[:1000])
    for wrong in (0, 999, 1001, len(WEIGHTS)):
        answer = send(tenant, url, wrong, WEIGHTS[wrong:])
        assert answer.status_code == 409
        assert answer.json()["code"] == "upload_offset_conflict"
        assert answer.headers["Upload-Offset"] == "1000"
    assert offset(tenant, url) == 1000
    for text in ("", "-1", "x", str(2**60)):
        answer = tenant.http.patch(
            url, content=b"x", headers={**BINARY, "Upload-Offset": text}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    missing = tenant.http.patch(url, content=b"x", headers=BINARY)
    assert missing.json()["errors"][0]["pointer"] == "header/Upload-Offset"


def test_more_than_announced_is_refused(tenant: Tenant) -> None:
    url = begin(tenant)
    declared = send(tenant, url, 0, WEIGHTS + b"x")
    assert (declared.status_code, declared.json()["code"]) == (413, "upload_too_long")
    assert offset(tenant, url) == 0
    chunked = send(tenant, url, 0, iter([WEIGHTS, b"x"]))
    assert (chunked.status_code, chunked.json()["code"]) == (413, "upload_too_long")
    assert send(tenant, url, offset(tenant, url), b"").status_code == 200
    too_large = announcement(bytes=tenant.api.settings.upload_limit_bytes + 1)
    answer = tenant.http.post("/v1/uploads", json=too_large)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("content", "changes", "code"),
    [
        (WEIGHTS, {"sha256": "0" * 64}, "checksum_mismatch"),
        (b"\x80\x04pickle", {}, "weights_invalid"),
        (WEIGHTS, {"purpose": "dataset", "bytes": 5}, "checksum_mismatch"),
        (WEIGHTS[:-1], {"purpose": "dataset"}, "dataset_invalid"),
    ],
)
def test_a_refused_file_is_gone(
    tenant: Tenant, content: bytes, changes: dict[str, object], code: str
) -> None:
    body = announcement(content, **changes)
    url = begin(tenant, content, **changes)
    answer = send(tenant, url, 0, content[: int(str(body["bytes"]))])
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    gone = tenant.http.get(url)
    assert (gone.status_code, gone.json()["code"]) == (404, "upload_not_found")
    assert tenant.http.get("/v1/files").json()["items"] == []
    assert tenant.http.get("/v1/me").json()["usage"]["stored_bytes"] == 0
    assert remains(tenant, url) == []


def test_a_digested_piece_counts_as_a_whole(tenant: Tenant) -> None:
    def stated(piece: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        return {"Content-Digest": f"sha-256=:{digest}:"}

    url = begin(tenant)
    wrong = send(tenant, url, 0, WEIGHTS[:1000], **stated(b"other"))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "checksum_mismatch")
    assert offset(tenant, url) == 0
    right = send(tenant, url, 0, WEIGHTS[:1000], **stated(WEIGHTS[:1000]))
    assert right.json()["offset"] == 1000
    assert send(tenant, url, 1000, WEIGHTS[1000:]).json()["file"] is not None


def test_what_came_before_a_cut_counts(tenant: Tenant) -> None:
    content = weights_of(700, 500)
    url = begin(tenant, content)
    with sending(tenant, url, 0, len(content)) as raw:
        raw.sendall(content[:1_500_000])
    until(lambda: offset(tenant, url) == 1_500_000, what="the first half")
    assert send(tenant, url, 1_500_000, content[1_500_000:]).json()["file"]


def test_another_claim_ends_the_first(tenant: Tenant) -> None:
    content = weights_of(700, 600)
    url = begin(tenant, content)
    with sending(tenant, url, 0, len(content)) as raw:
        slices = (content[at : at + 1000] for at in range(0, 1_000_000, 1000))

        def counted() -> int:
            raw.sendall(next(slices))
            return offset(tenant, url)

        came = until(counted, what="a piece that counts")
        rest = send(tenant, url, came, content[came:])
        assert rest.json()["file"] is not None
        raw.sendall(bytes(1_500_000))
        assert raw.recv(65536).startswith(b"HTTP/1.1 409")
    file = tenant.stores.files.get(tenant.name, rest.json()["file"]["id"])
    assert b"".join(tenant.stores.blobs.read(file.blob_key)) == content


def test_a_complete_upload_can_be_finished_again(tenant: Tenant) -> None:
    url = begin(tenant)
    claim = tenant.stores.uploads.claim(tenant.name, url.rpartition("/")[2], 0)
    tenant.stores.drafts.write(claim.upload.key, 0, WEIGHTS)
    tenant.stores.uploads.advance(claim, len(WEIGHTS))
    assert tenant.http.get(url).json()["file"] is None
    assert send(tenant, url, len(WEIGHTS), b"").json()["file"] is not None


def test_uploads_are_listed_and_given_up(tenant: Tenant) -> None:
    urls = [begin(tenant, weights_of(3, width)) for width in (1, 2, 3)]
    ids = [url.rpartition("/")[2] for url in urls]
    first = tenant.http.get("/v1/uploads?limit=2").json()
    assert [it["id"] for it in first["items"]] == ids[:0:-1]
    second = tenant.http.get(f"/v1/uploads?cursor={first['next_cursor']}").json()
    assert [it["id"] for it in second["items"]] == ids[:1]
    send(tenant, urls[0], 0, b"x")
    assert tenant.http.delete(urls[0]).status_code == 204
    assert tenant.http.delete(urls[0]).status_code == 404
    assert remains(tenant, urls[0]) == []


def test_uploads_of_others_are_not_there(tenant: Tenant, api: LiveApi) -> None:
    url = begin(tenant)
    name, key = api.key()
    with api.client(key) as http:
        other = Tenant(name=name, key=key, http=http, api=api)
        for answer in (
            http.get(url),
            http.delete(url),
            send(other, url, 0, b"x"),
            http.get("/v1/uploads/upload_nonsense"),
        ):
            assert answer.status_code == 404
            assert answer.json()["code"] == "upload_not_found"
        assert http.head(url).status_code == 404
        assert http.get("/v1/uploads").json()["items"] == []
        mine = http.post("/v1/uploads", json=announcement()).json()
        assert mine["id"] not in url
    assert offset(tenant, url) == 0


def test_asking_by_head_needs_a_key(tenant: Tenant, anonymous: httpx.Client) -> None:
    url = begin(tenant)
    assert anonymous.head(url).status_code == 401
    with tenant.api.client(tenant.api.key(tenant.name, frozenset())[1]) as http:
        assert http.head(url).status_code == 403


def test_nothing_is_known_after_the_patience(tenant: Tenant, api: LiveApi) -> None:
    url = begin(tenant)
    stores = open_stores(
        Settings(**{**api.settings.model_dump(), "upload_patience_seconds": 0.0})
    )
    stores.uploads.claim(tenant.name, url.rpartition("/")[2], 0)
    for answer in (tenant.http.get(url), send(tenant, url, 0, WEIGHTS)):
        assert answer.status_code == 404
    assert tenant.http.get("/v1/me").json()["usage"]["files"] == 0
    stores.engine.dispose()
