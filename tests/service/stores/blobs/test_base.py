import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.stores.blobs.base import (
    BlobStore,
    artifact_key,
    job_prefix,
    report_key,
    shard_key,
)
from service.stores.blobs.local import LocalBlobStore
from service.stores.blobs.s3.blobs import S3BlobStore
from service.stores.blobs.s3.bucket import Bucket
from service.stores.blobs.s3.sending import BucketFailed
from service.stores.blobs.s3.signatures import Credentials
from tests.support.servers.object_store import ObjectStore, object_store
from tests.support.servers.ports import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("objects")) as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server: ObjectStore) -> Bucket:
    return server.new_bucket("blobs")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.servers)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "folder":
        yield LocalBlobStore(tmp_path / "blobs")
    else:
        blobs = S3BlobStore(request.getfixturevalue("bucket"), tmp_path / "scratch")
        yield blobs
        blobs.delete_prefix("ada")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


def test_a_blob_comes_back_whole_and_in_parts(
    blobs: BlobStore, source: Path, tmp_path: Path
) -> None:
    info = blobs.put("ada/files/x", source)
    assert info.bytes == 10
    assert info.sha256 == hashlib.sha256(b"0123456789").hexdigest()
    assert source.exists()
    assert blobs.size("ada/files/x") == 10

    def read(start: int = 0, end: int | None = None) -> bytes:
        return b"".join(blobs.read("ada/files/x", start, end))

    assert read() == b"0123456789"
    assert read(3, 7) == b"3456"
    assert read(8, 100) == b"89"
    assert read(20) == b""
    blobs.fetch("ada/files/x", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"


def test_a_big_blob_comes_in_pieces(blobs: BlobStore, source: Path) -> None:
    content = os.urandom(3_500_000)
    source.write_bytes(content)
    blobs.put("ada/files/x", source)
    pieces = list(blobs.read("ada/files/x", 1, len(content) - 1))
    assert b"".join(pieces) == content[1:-1]
    assert max(map(len, pieces)) == 1 << 20


def test_putting_again_replaces_but_not_what_is_being_read(
    blobs: BlobStore, source: Path
) -> None:
    blobs.put("ada/files/x", source)
    before = blobs.read("ada/files/x")
    source.write_bytes(b"new")
    blobs.put("ada/files/x", source)
    assert b"".join(before) == b"0123456789"
    during = blobs.read("ada/files/x")
    blobs.delete("ada/files/x")
    assert b"".join(during) == b"new"


def test_adopting_moves_the_file(blobs: BlobStore) -> None:
    path = blobs.scratch() / "upload"
    path.write_bytes(b"abc")
    blobs.adopt("ada/files/x", path)
    assert not path.exists()
    assert blobs.size("ada/files/x") == 3


def test_what_is_not_there_is_a_key_error(blobs: BlobStore, source: Path) -> None:
    blobs.put("ada/files/x", source)
    for key in ("ada/files/y", "ada/files", "ada/files/x/y"):
        with pytest.raises(KeyError):
            blobs.read(key)
        with pytest.raises(KeyError):
            blobs.fetch(key, source)
    with pytest.raises(KeyError):
        blobs.size("ada/files/y")
    blobs.delete("ada/files/y")
    blobs.delete_prefix("ada/jobs")


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a/.hidden", "a\0", "a b"],
)
def test_keys_stay_inside(blobs: BlobStore, source: Path, key: str) -> None:
    for operation in (
        lambda: blobs.put(key, source),
        lambda: blobs.adopt(key, source),
        lambda: blobs.read(key),
        lambda: blobs.size(key),
        lambda: blobs.delete(key),
        lambda: blobs.delete_prefix(key),
        lambda: blobs.fetch(key, source),
    ):
        with pytest.raises(ValueError, match="names and slashes"):
            operation()
    assert source.read_bytes() == b"0123456789"


def test_a_prefix_goes_and_nothing_else(blobs: BlobStore, source: Path) -> None:
    mine = [
        report_key("ada", "job_1"),
        artifact_key("ada", "job_1", "points.safetensors"),
        shard_key("ada", "job_1", 3, "checkpoint.safetensors"),
    ]
    other = report_key("ada", "job_10")
    for key in (*mine, other):
        blobs.put(key, source)
    blobs.delete_prefix(job_prefix("ada", "job_1"))
    for key in mine:
        with pytest.raises(KeyError):
            blobs.size(key)
    assert blobs.size(other) == 10


def test_many_blobs_go_with_their_prefix(blobs: BlobStore, source: Path) -> None:
    source.write_bytes(b"")
    for number in range(30):
        blobs.put(f"ada/jobs/1/{number}", source)
    blobs.delete_prefix("ada/jobs/1")
    for number in range(30):
        with pytest.raises(KeyError):
            blobs.size(f"ada/jobs/1/{number}")


def test_remains_of_interrupted_uploads_are_swept(blobs: BlobStore) -> None:
    old, new = blobs.scratch() / "old", blobs.scratch() / "new"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert blobs.sweep(older_than_seconds=3600) == 1
    assert list(blobs.scratch().iterdir()) == [new]


def test_an_empty_range_is_empty(blobs: BlobStore, source: Path) -> None:
    blobs.put("ada/files/x", source)
    assert list(blobs.read("ada/files/x", 5, 5)) == []
    with pytest.raises(KeyError):
        blobs.read("ada/files/y", 5, 5)


def test_a_bucket_that_is_away_is_an_error_of_storage(
    tmp_path: Path, source: Path
) -> None:
    credentials = Credentials(access_key="a", secret_key="", region="us-east-1")
    bucket = Bucket(f"http://127.0.0.1:{free_port()}", "b", credentials)
    blobs = S3BlobStore(bucket, tmp_path / "scratch")
    with pytest.raises(BucketFailed):
        blobs.put("ada/files/x", source)
    assert issubclass(BucketFailed, OSError)


@pytest.mark.servers
def test_a_bucket_of_others_is_refused(
    server: ObjectStore, tmp_path: Path, source: Path
) -> None:
    server.new_bucket("private")
    wrong = Credentials(access_key="access", secret_key="", region="us-east-1")
    blobs = S3BlobStore(Bucket(server.endpoint, "private", wrong), tmp_path / "scratch")
    with pytest.raises(BucketFailed, match="403"):
        blobs.put("ada/files/x", source)
