import os
from pathlib import Path

import pytest

from service.stack.claims import StackFailed, lock


def test_a_folder_is_made_and_belongs_to_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "lock"

    held = lock(path)

    with pytest.raises(StackFailed, match="another gradflat runs on"):
        lock(path)
    os.close(held)
    os.close(lock(path))


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackFailed, match=r"cannot write to .*/file: File exists"):
        lock(tmp_path / "file" / "lock")
    with pytest.raises(StackFailed, match=r"cannot write to .*: Not a directory"):
        lock(tmp_path / "file" / "folder" / "lock")
