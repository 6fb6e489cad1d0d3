import hashlib
from typing import Any

import pytest

from service.errors import (
    BadCursor,
    QuotaExceeded,
    UploadNotFound,
    UploadOffsetConflict,
)
from service.schemas.uploads import UploadRequest
from service.settings import Settings
from service.stores.bundle import Stores
from service.stores.files.uploads import UploadStore


def announced(content: bytes = b"0123456789", **changes: Any) -> UploadRequest:  # noqa: ANN401
    fields = {
        "purpose": "weights",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }
    return UploadRequest.model_validate(fields)


def add_file(stores: Stores, content: bytes, upload_id: str | None = None) -> str:
    path = stores.blobs.scratch() / "upload"
    path.write_bytes(content)
    record, _ = stores.files.add(
        tenant="ada", purpose="weights", filename="", path=path, size=len(content),
        sha256=hashlib.sha256(content).hexdigest(), tensors=[], upload_id=upload_id,
    )  # fmt: skip
    return record.id


def test_an_upload_advances_under_its_last_claim(stores: Stores) -> None:
    upload, is_new = stores.uploads.create("ada", announced())
    assert (is_new, upload.received, upload.file_id) == (True, 0, None)
    assert stores.uploads.create("ada", announced()) == (upload, False)
    first = stores.uploads.claim("ada", upload.id, 0)
    stores.uploads.advance(first, 4)
    second = stores.uploads.claim("ada", upload.id, 4)
    with pytest.raises(UploadOffsetConflict) as conflict:
        stores.uploads.advance(first, 8)
    assert conflict.value.headers == {"Upload-Offset": "4"}
    stores.uploads.advance(second, 6)
    assert stores.uploads.get("ada", upload.id).received == 6
    with pytest.raises(UploadOffsetConflict):
        stores.uploads.claim("ada", upload.id, 5)


def test_all_that_is_announced_counts_against_the_quota(stores: Stores) -> None:
    big = stores.uploads.create("ada", announced(bytes=600))[0]
    assert stores.jobs.usage("ada").stored_bytes == 600
    with pytest.raises(QuotaExceeded):
        stores.uploads.create("ada", announced(b"x", bytes=401))
    with pytest.raises(QuotaExceeded):
        add_file(stores, bytes(401))
    stores.uploads.create("eve", announced(bytes=1000))
    stores.uploads.delete(big)
    for number in range(4):
        stores.uploads.create("ada", announced(bytes([number])))
    add_file(stores, b"the fifth")
    with pytest.raises(QuotaExceeded):
        stores.uploads.create("ada", announced(b"the sixth"))


def test_an_upload_becomes_its_file_within_the_quota(stores: Stores) -> None:
    content = bytes(1000)
    upload = stores.uploads.create("ada", announced(content))[0]
    file_id = add_file(stores, content, upload.id)
    finished = stores.uploads.finish(upload, file_id)
    assert (finished.file_id, finished.received) == (file_id, 1000)
    assert stores.jobs.usage("ada").stored_bytes == 1000
    stores.uploads.delete(finished)
    again, is_new = stores.uploads.create("ada", announced(content))
    assert (is_new, again.file_id, again.received) == (True, file_id, 1000)
    stores.files.delete("ada", file_id)
    with pytest.raises(UploadNotFound):
        stores.uploads.get("ada", again.id)


def test_abandoned_uploads_are_gone(stores: Stores, settings: Settings) -> None:
    quotas = settings.quotas
    hasty = UploadStore(stores.engine, quotas, patience_seconds=0.0)
    kept = stores.uploads.create("ada", announced())[0]
    lost = hasty.create("ada", announced(b"y"))[0]
    assert [it.id for it in stores.uploads.abandoned()] == [lost.id]
    for act in (
        lambda: stores.uploads.get("ada", lost.id),
        lambda: stores.uploads.claim("ada", lost.id, 0),
        lambda: stores.uploads.finish(lost, "file"),
    ):
        with pytest.raises(UploadNotFound):
            act()
    assert [it.id for it in stores.uploads.list("ada", limit=9)[0]] == [kept.id]
    assert stores.jobs.usage("ada").files == 1
    assert stores.uploads.create("ada", announced(b"y"))[1]


def test_uploads_of_other_tenants_are_not_there(stores: Stores) -> None:
    upload = stores.uploads.create("ada", announced())[0]
    with pytest.raises(UploadNotFound):
        stores.uploads.get("eve", upload.id)
    with pytest.raises(UploadNotFound):
        stores.uploads.claim("eve", upload.id, 0)
    assert stores.uploads.list("eve", limit=9) == ([], None)
    assert stores.uploads.create("eve", announced())[0].id != upload.id
    with pytest.raises(BadCursor):
        stores.uploads.list("ada", limit=9, cursor="nonsense")
