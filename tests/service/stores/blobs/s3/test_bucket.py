"""A bucket of a real server, and a proxy before it that fails now and then."""

import hashlib
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.stores.blobs.s3.blobs import S3BlobStore
from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.sending import BucketFailed, Sender
from tests.support.servers.cutting_proxy import cutting_proxy
from tests.support.servers.failing_proxy import failing_proxy
from tests.support.servers.object_store import ObjectStore, object_store

pytestmark = pytest.mark.servers

PART_BYTES = 5 << 20  # the least that S3 takes
KEY = "ada/files/x"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("objects")) as server:
        server.new_bucket("parts")
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(os.urandom(2 * PART_BYTES + 12345))
    return path


def blobs_at(endpoint: str, server: ObjectStore, folder: Path) -> S3BlobStore:
    bucket = Bucket(endpoint, "parts", server.credentials)
    return S3BlobStore(bucket, folder / "scratch", part_bytes=PART_BYTES)


def whole(blobs: S3BlobStore) -> bytes:
    return b"".join(blobs.read(KEY))


def unfinished(server: ObjectStore) -> int:
    """Uploads in parts that nobody has completed or aborted."""
    answer = Sender(server.endpoint, server.credentials).send(
        "GET", "/parts", query={"uploads": ""}, headers={}, content=b""
    )
    return answer.read().count(b"<UploadId>")


def test_a_large_object_goes_in_parts(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    blobs = blobs_at(server.endpoint, server, tmp_path)
    info = blobs.put(KEY, source)
    content = source.read_bytes()
    assert info.bytes == blobs.size(KEY) == len(content)
    assert info.sha256 == hashlib.sha256(content).hexdigest()
    assert whole(blobs) == content
    assert list(blobs.read(KEY, PART_BYTES - 3, PART_BYTES + 3)) == [
        content[PART_BYTES - 3 : PART_BYTES + 3]
    ]
    answer = Bucket(server.endpoint, "parts", server.credentials).open(KEY)
    assert answer.headers["etag"].endswith('-3"')
    answer.close()
    assert unfinished(server) == 0


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_fails_for_a_moment_is_sent_again(
    server: ObjectStore, tmp_path: Path, source: Path, status: int
) -> None:
    seen: set[tuple[str, str]] = set()

    def first_time(method: str, path: str) -> int | None:
        known = (method, path) in seen
        seen.add((method, path))
        return None if known else status

    with failing_proxy(server.endpoint, first_time) as endpoint:
        blobs = blobs_at(endpoint, server, tmp_path)
        blobs.put(KEY, source)
        assert whole(blobs) == source.read_bytes()


def test_a_part_whose_connection_broke_is_sent_again(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    cuts: list[None] = []
    port = int(server.endpoint.rpartition(":")[2])
    with cutting_proxy(
        port, after_bytes=1 << 20, cuts=2, on_cut=lambda: cuts.append(None)
    ) as cutting:
        blobs = blobs_at(f"http://127.0.0.1:{cutting}", server, tmp_path)
        blobs.put(KEY, source)
        del blobs  # and its connection, which the proxy waits for
    assert len(cuts) == 2
    assert whole(blobs_at(server.endpoint, server, tmp_path)) == source.read_bytes()


@contextmanager
def cut_downloads(server: ObjectStore, cuts: int) -> Generator[tuple[str, list[None]]]:
    """An endpoint that breaks off answers, and when it did so."""
    seen: list[None] = []
    port = int(server.endpoint.rpartition(":")[2])
    with cutting_proxy(
        port,
        after_bytes=3 << 20,
        cuts=cuts,
        on_cut=lambda: seen.append(None),
        of_answers=True,
    ) as cutting:
        yield f"http://127.0.0.1:{cutting}", seen


def test_a_download_that_broke_goes_on_from_there(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    blobs_at(server.endpoint, server, tmp_path).put(KEY, source)
    content = source.read_bytes()
    with cut_downloads(server, cuts=2) as (endpoint, cuts):
        blobs = blobs_at(endpoint, server, tmp_path)
        assert b"".join(blobs.read(KEY, 17, len(content) - 5)) == content[17:-5]
        assert len(cuts) == 2
        del blobs
    with cut_downloads(server, cuts=2) as (endpoint, cuts):
        blobs = blobs_at(endpoint, server, tmp_path)
        blobs.fetch(KEY, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
        assert len(cuts) == 2
        del blobs


def test_a_download_that_breaks_again_and_again_is_given_up(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    source.write_bytes(os.urandom(32 << 20))
    blobs_at(server.endpoint, server, tmp_path).put(KEY, source)
    with cut_downloads(server, cuts=100) as (endpoint, cuts):
        blobs = blobs_at(endpoint, server, tmp_path)
        with pytest.raises(BucketFailed):
            whole(blobs)
        assert len(cuts) == 6
        del blobs


def test_a_download_does_not_go_on_in_another_version(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    direct = blobs_at(server.endpoint, server, tmp_path)
    direct.put(KEY, source)
    with cut_downloads(server, cuts=1) as (endpoint, _):
        blobs = blobs_at(endpoint, server, tmp_path)
        pieces = blobs.read(KEY)
        next(pieces)
        source.write_bytes(os.urandom(source.stat().st_size))
        direct.put(KEY, source)
        with pytest.raises(BucketFailed, match="412"):
            list(pieces)
        del blobs, pieces


def test_an_upload_that_fails_leaves_no_parts(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    def second_part(_: str, path: str) -> int | None:
        return 403 if "partNumber=2" in path else None

    blobs_at(server.endpoint, server, tmp_path).delete(KEY)
    with failing_proxy(server.endpoint, second_part) as endpoint:
        blobs = blobs_at(endpoint, server, tmp_path)
        with pytest.raises(BucketFailed, match="403"):
            blobs.put(KEY, source)
        with pytest.raises(KeyError):
            blobs.size(KEY)
    assert unfinished(server) == 0


def test_a_completion_that_fails_late_is_an_error(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    """A server may begin with 200 and tell of a failure in the body."""

    def completion(method: str, path: str) -> int | None:
        return 200 if method == "POST" and "uploadId" in path else None

    with (
        failing_proxy(server.endpoint, completion) as endpoint,
        pytest.raises(BucketFailed),
    ):
        blobs_at(endpoint, server, tmp_path).put(KEY, source)
    assert unfinished(server) == 0


@pytest.mark.slow
def test_a_server_that_fails_on_is_given_up(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    asked: list[str] = []

    def always(method: str, path: str) -> int:
        asked.append(f"{method} {path}")
        return 503

    with (
        failing_proxy(server.endpoint, always) as endpoint,
        pytest.raises(BucketFailed, match="503"),
    ):
        blobs_at(endpoint, server, tmp_path).fetch(KEY, source)
    assert len(asked) == 5
