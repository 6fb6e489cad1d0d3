import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.errors import FileInUse, FileNotFound, QuotaExceeded
from service.schemas.files import Purpose, TensorSummary
from service.stores.bundle import Stores
from service.stores.files.files import FileRecord
from tests.support.jobs import claim, create_job

TENSORS = [
    TensorSummary(
        name="x", dtype="F64", shape=[2, 3], finite=True, minimum=-1e-300, maximum=0.1
    )
]


def add(
    stores: Stores,
    content: bytes,
    *,
    tenant: str = "ada",
    purpose: Purpose = "weights",
    filename: str = "w.safetensors",
) -> tuple[FileRecord, bool]:
    path = stores.blobs.scratch() / f"upload-{threading.get_ident()}"
    path.write_bytes(content)
    try:
        return stores.files.add(
            tenant=tenant,
            purpose=purpose,
            filename=filename,
            path=path,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            tensors=TENSORS,
        )
    finally:
        path.unlink(missing_ok=True)


def content(stores: Stores, record: FileRecord) -> bytes:
    return b"".join(stores.blobs.read(record.blob_key))


def test_a_file_is_kept_with_what_is_in_it(stores: Stores) -> None:
    record, is_new = add(stores, b"one", filename="../\N{SNOWMAN}")
    assert is_new
    assert stores.files.get("ada", record.id) == record
    assert record.filename == "../\N{SNOWMAN}"
    assert (record.bytes, record.tensor_count) == (3, 1)
    assert stores.files.tensors("ada", record.id) == TENSORS
    assert content(stores, record) == b"one"
    assert stores.jobs.usage("ada").stored_bytes == 3
    assert stores.jobs.usage("ada").files == 1


def test_the_same_bytes_are_the_same_file(stores: Stores) -> None:
    first, _ = add(stores, b"one")
    assert add(stores, b"one", filename="other") == (first, False)
    assert add(stores, b"one", purpose="dataset")[1]
    assert add(stores, b"one", tenant="eve")[1]
    assert len(stores.files.list("ada", limit=10)[0]) == 2


def test_the_same_bytes_uploaded_at_once_are_one_file(stores: Stores) -> None:
    together = threading.Barrier(6)

    def attempt(_: int) -> tuple[FileRecord, bool]:
        together.wait()
        return add(stores, b"one")

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(attempt, range(6)))
    assert sum(is_new for _, is_new in answers) == 1
    assert len({record.id for record, _ in answers}) == 1
    assert content(stores, answers[0][0]) == b"one"


def test_bytes_and_files_are_limited(stores: Stores) -> None:
    add(stores, bytes(900))
    with pytest.raises(QuotaExceeded, match="1000 bytes"):
        add(stores, bytes(101))
    for number in range(4):
        add(stores, bytes([number]))
    with pytest.raises(QuotaExceeded, match="5 files"):
        add(stores, b"another")
    assert stores.jobs.usage("ada").files == 5
    add(stores, b"another", tenant="eve")


def test_bytes_go_with_their_last_record(stores: Stores) -> None:
    weights, _ = add(stores, b"one")
    dataset, _ = add(stores, b"one", purpose="dataset")
    other, _ = add(stores, b"one", tenant="eve")
    stores.files.delete("ada", weights.id)
    with pytest.raises(FileNotFound):
        stores.files.get("ada", weights.id)
    assert content(stores, dataset) == b"one"
    stores.files.delete("ada", dataset.id)
    with pytest.raises(KeyError):
        stores.blobs.size(dataset.blob_key)
    assert content(stores, other) == b"one"


def test_a_file_in_use_stays(stores: Stores) -> None:
    record, _ = add(stores, b"one")
    job, [shard] = create_job(stores, file_ids=(record.id, record.id))
    with pytest.raises(FileInUse):
        stores.files.delete("ada", record.id)
    assert claim(stores, shard).files == (record,)
    stores.jobs.request_cancel("ada", job.id)
    with pytest.raises(FileInUse):
        stores.files.delete("ada", record.id)
    stores.recovery.reap()
    with pytest.raises(FileInUse):
        stores.files.delete("ada", record.id)


def test_a_file_of_an_ended_job_may_go(stores: Stores) -> None:
    record, _ = add(stores, b"one")
    job, _ = create_job(stores, file_ids=(record.id,))
    stores.jobs.request_cancel("ada", job.id)
    stores.files.delete("ada", record.id)
    assert stores.jobs.get("ada", job.id).state == "cancelled"


def test_files_come_newest_first_in_pages(stores: Stores) -> None:
    made = [add(stores, bytes([n]))[0] for n in range(5)]
    first, cursor = stores.files.list("ada", limit=3)
    rest, end = stores.files.list("ada", limit=3, cursor=cursor)
    assert first + rest == made[::-1]
    assert end is None


def test_a_file_from_another_file_system_is_copied(
    stores: Stores, tmp_path: Path
) -> None:
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    path = shared / f"gradflat-{tmp_path.name}"
    path.write_bytes(b"far")
    stores.blobs.adopt("ada/files/x", path)
    assert not path.exists()
    assert b"".join(stores.blobs.read("ada/files/x")) == b"far"
