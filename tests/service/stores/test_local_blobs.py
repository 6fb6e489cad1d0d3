import hashlib
import os
import threading
from pathlib import Path

import pytest

from service.stores.blobs import (
    artifact_key,
    job_prefix,
    report_key,
    shard_key,
)
from service.stores.local_blobs import LocalBlobStore


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_blob_comes_back_whole_and_in_parts(
    blobs: LocalBlobStore, source: Path, tmp_path: Path
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


def test_a_big_blob_comes_in_pieces(blobs: LocalBlobStore, source: Path) -> None:
    content = os.urandom(3_500_000)
    source.write_bytes(content)
    blobs.put("ada/files/x", source)
    pieces = list(blobs.read("ada/files/x", 1, len(content) - 1))
    assert b"".join(pieces) == content[1:-1]
    assert max(map(len, pieces)) == 1 << 20


def test_putting_again_replaces_but_not_what_is_being_read(
    blobs: LocalBlobStore, source: Path
) -> None:
    blobs.put("ada/files/x", source)
    before = blobs.read("ada/files/x")
    source.write_bytes(b"new")
    blobs.put("ada/files/x", source)
    assert b"".join(before) == b"0123456789"
    during = blobs.read("ada/files/x")
    blobs.delete("ada/files/x")
    assert b"".join(during) == b"new"


def test_an_unread_blob_leaves_no_open_file(
    blobs: LocalBlobStore, source: Path
) -> None:
    blobs.put("ada/files/x", source)
    held = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    reading = blobs.read("ada/files/x")
    del reading
    assert len(os.listdir("/proc/self/fd")) == held  # noqa: PTH208


def test_adopting_moves_the_file(blobs: LocalBlobStore) -> None:
    path = blobs.scratch() / "upload"
    path.write_bytes(b"abc")
    blobs.adopt("ada/files/x", path)
    assert not path.exists()
    assert blobs.size("ada/files/x") == 3


def test_what_is_not_there_is_a_key_error(blobs: LocalBlobStore, source: Path) -> None:
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
def test_keys_stay_inside(blobs: LocalBlobStore, source: Path, key: str) -> None:
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


def test_a_prefix_goes_with_its_empty_folders(
    blobs: LocalBlobStore, source: Path, tmp_path: Path
) -> None:
    mine, other = job_prefix("ada", "job_1"), report_key("ada", "job_10")
    for key in (
        report_key("ada", "job_1"),
        artifact_key("ada", "job_1", "points.safetensors"),
        shard_key("ada", "job_1", 3, "checkpoint.safetensors"),
        other,
    ):
        blobs.put(key, source)
    blobs.delete_prefix(mine)
    assert everything(tmp_path / "blobs") == [tmp_path / "blobs" / other]
    blobs.delete(other)
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [".scratch"]


def test_a_failed_put_leaves_nothing(
    blobs: LocalBlobStore, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.put("ada/files/x", tmp_path / "absent")
    (tmp_path / "blobs" / "ada").write_bytes(b"in the way")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        blobs.put("ada/files/x", source)
    assert everything(blobs.scratch()) == []


def test_remains_of_interrupted_uploads_are_swept(blobs: LocalBlobStore) -> None:
    old, new = blobs.scratch() / "old", blobs.scratch() / "new"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert blobs.sweep(older_than_seconds=3600) == 1
    assert everything(blobs.scratch()) == [new]


def test_putting_survives_pruning_beside_it(
    blobs: LocalBlobStore, source: Path
) -> None:
    done = threading.Event()

    def prune() -> None:
        while not done.is_set():
            blobs.delete("ada/jobs/other")

    pruner = threading.Thread(target=prune)
    pruner.start()
    try:
        for _ in range(20):
            blobs.put("ada/jobs/mine", source)
            assert blobs.size("ada/jobs/mine") == 10
            blobs.delete("ada/jobs/mine")
    finally:
        done.set()
        pruner.join()
