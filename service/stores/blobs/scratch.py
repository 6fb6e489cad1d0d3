"""Scratch folders: private files of work that is going on."""

import time
from pathlib import Path


def sweep(folder: Path, *, older_than_seconds: float) -> int:
    """Returns how many files of interrupted work were removed.

    Args:
        folder: Where they lie.
        older_than_seconds: Age at which nobody works on a file any more.
    """
    oldest = time.time() - older_than_seconds
    removed = 0
    for path in folder.iterdir():
        try:
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # its owner, or another sweep, was faster
    return removed
