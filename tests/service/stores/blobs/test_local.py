import os
import threading
from pathlib import Path

import pytest

from service.stores.blobs.base import (
    artifact_key,
    job_prefix,
    report_key,
    shard_key,
)
from service.stores.blobs.local import LocalBlobStore


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


def test_an_unread_blob_leaves_no_open_file(
    blobs: LocalBlobStore, source: Path
) -> None:
    blobs.put("ada/files/x", source)
    held = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    reading = blobs.read("ada/files/x")
    del reading
    assert len(os.listdir("/proc/self/fd")) == held  # noqa: PTH208


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
