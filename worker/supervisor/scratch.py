"""Scratch space of a supervisor, swept by the next one if it dies."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import final


@final
class Scratch:
    """Private folders that last no longer than this process and the next one.

    Each supervisor holds a lock in its own folder; a folder whose lock is free belongs
    to one that was killed.

    Attributes:
        root: This supervisor's folder.
    """

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix="supervisor-", dir=parent))
        self._lock = _open_lock(self.root)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for other in parent.glob("supervisor-*"):
            if other != self.root:
                _sweep(other)

    def folder(self) -> Path:
        """Returns a new empty folder."""
        return Path(tempfile.mkdtemp(prefix="run-", dir=self.root))

    def close(self) -> None:
        """Removes everything."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.close(self._lock)


def _open_lock(root: Path) -> int:
    return os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def _sweep(root: Path) -> None:
    try:
        lock = _open_lock(root)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(root, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
