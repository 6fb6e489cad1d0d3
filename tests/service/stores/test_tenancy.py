"""Whatever a tenant names that is another's is not there for it."""

from collections.abc import Callable

import pytest

from service.errors import FileNotFound, JobNotFound, ServiceError
from service.stores.bundle import Stores
from tests.support.jobs import claim, create_job

OPERATIONS: dict[str, Callable[[Stores, str, str], object]] = {
    "get_file": lambda stores, file, _: stores.files.get("eve", file),
    "tensors": lambda stores, file, _: stores.files.tensors("eve", file),
    "delete_file": lambda stores, file, _: stores.files.delete("eve", file),
    "create_job": lambda stores, file, _: create_job(
        stores, tenant="eve", file_ids=(file,)
    ),
    "get_job": lambda stores, _, job: stores.jobs.get("eve", job),
    "cancel": lambda stores, _, job: stores.jobs.request_cancel("eve", job),
    "delete_job": lambda stores, _, job: stores.jobs.delete("eve", job),
    "events": lambda stores, _, job: stores.events.list("eve", job),
}


@pytest.fixture
def owned(stores: Stores) -> tuple[str, str]:
    """A file and a running job of another tenant."""
    path = stores.blobs.scratch() / "upload"
    path.write_bytes(b"")
    record, _ = stores.files.add(
        tenant="ada",
        purpose="weights",
        filename="",
        path=path,
        size=0,
        sha256="0" * 64,
        tensors=[],
    )
    job, [shard] = create_job(stores, file_ids=(record.id,), labels={"a": "b"})
    claim(stores, shard)
    return record.id, job.id


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("form", ["another's", "unknown", "malformed"])
def test_what_is_another_s_is_not_found(
    stores: Stores, owned: tuple[str, str], operation: str, form: str
) -> None:
    before = stores.jobs.get("ada", owned[1])
    file, job = {
        "another's": owned,
        "unknown": ("file_" + "0" * 32, "job_" + "0" * 32),
        "malformed": ("\0", "\0" if operation != "create_job" else ""),
    }[form]
    if operation == "create_job" and form == "malformed":
        file = "file_x"
    expected: type[ServiceError] = JobNotFound
    if "file" in operation or operation in {"tensors", "create_job"}:
        expected = FileNotFound
    with pytest.raises(expected):
        OPERATIONS[operation](stores, file, job)
    assert stores.jobs.get("ada", owned[1]) == before


def test_lists_hold_one_tenant_s_things(stores: Stores, owned: tuple[str, str]) -> None:
    assert stores.jobs.list("eve", limit=10) == ([], None)
    assert stores.jobs.list("eve", limit=10, label="a=b") == ([], None)
    assert stores.jobs.list("eve", limit=10, state="running") == ([], None)
    assert stores.files.list("eve", limit=10) == ([], None)
    assert stores.shards.stored_shards("eve", owned[1]) == []
    assert stores.jobs.usage("eve").files == 0
