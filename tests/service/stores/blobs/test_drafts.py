from pathlib import Path

import pytest

from service.stores.blobs.drafts import BlobDrafts, Drafts, LocalDrafts
from service.stores.blobs.local import LocalBlobStore

KEY = "ada/uploads/upload_1"


@pytest.fixture(params=["files", "blobs"])
def drafts(request: pytest.FixtureRequest, tmp_path: Path) -> Drafts:
    if request.param == "files":
        return LocalDrafts(tmp_path)
    return BlobDrafts(LocalBlobStore(tmp_path))


def test_pieces_make_a_file(drafts: Drafts) -> None:
    drafts.write(KEY, 0, b"0123")
    drafts.write(KEY, 4, b"456")
    drafts.write(KEY, 4, b"xyz9")
    path = drafts.collect(KEY, 8)
    assert path.read_bytes() == b"0123xyz9"
    assert drafts.collect(KEY, 8).read_bytes() == b"0123xyz9"
    drafts.discard(KEY)
    drafts.discard(KEY)
    assert path.read_bytes() == b"0123xyz9"


def test_what_is_not_whole_is_not_collected(drafts: Drafts) -> None:
    with pytest.raises(KeyError):
        drafts.collect(KEY, 1)
    drafts.write(KEY, 0, b"0123")
    for size in (3, 5):
        with pytest.raises(KeyError):
            drafts.collect(KEY, size)


def test_nothing_is_written_to_what_was_collected(tmp_path: Path) -> None:
    drafts = LocalDrafts(tmp_path)
    drafts.write(KEY, 0, b"0123")
    path = drafts.collect(KEY, 4)
    with pytest.raises(KeyError):
        drafts.write(KEY, 0, b"evil")
    drafts.discard(KEY)
    with pytest.raises(KeyError):
        drafts.write(KEY, 2, b"evil")
    drafts.write(KEY, 0, b"evil")
    assert path.read_bytes() == b"0123"
