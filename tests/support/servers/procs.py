"""Processes as /proc shows them."""

import os
import signal
from pathlib import Path


def command(pid: int) -> str:
    """Its command line; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def children(pid: int) -> set[int]:
    """Ids of its children."""
    try:
        text = "".join(
            path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")
        )
    except OSError:
        return set()
    return {int(child) for child in text.split()}


def descendants(pid: int) -> set[int]:
    """Ids of its children and theirs."""
    below = children(pid)
    return below.union(*(descendants(child) for child in below))


def living_in(folder: Path) -> set[int]:
    """Ids of the processes whose working directory is a folder or below it."""
    return {
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cwd")
        if _directory(path).is_relative_to(folder)
    }


def _directory(path: Path) -> Path:
    try:
        return path.readlink()
    except OSError:
        return Path("/")


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Sends a signal to one process."""
    os.kill(pid, number)
