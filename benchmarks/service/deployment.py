"""A whole deployment, started for a benchmark: broker, API, worker, database."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final
from urllib.parse import urlsplit

from service import connection

_START_S = 120.0
_END_S = 30.0
_QUIET_S = 0.5
_UP = (sys.executable, "-P", "-m", "service.cli", "up", "--port", "0", "--data-dir")


@final
@dataclass(frozen=True, slots=True)
class Deployment:
    """Where it is, and its processes.

    Attributes:
        port: Of the API, on the loopback interface.
        api_key: For every request.
        pid: Of the process above all others.
    """

    port: int
    api_key: str
    pid: int

    def api(self) -> int:
        """The process that answers requests."""
        return self._processes("service.cli api")[0]

    def until_warm(self) -> None:
        """Waits until a runner is there that has done all it can do beforehand."""
        seen, since = 0.0, time.monotonic()
        while not seen or time.monotonic() - since < _QUIET_S:
            time.sleep(0.05)
            used = sum(map(cpu_s, self._processes("worker.runner")))
            if used != seen:
                seen, since = used, time.monotonic()

    def _processes(self, part: str) -> list[int]:
        return [pid for pid in _descendants(self.pid) if part in _command(pid)]


@contextmanager
def deployment() -> Generator[Deployment]:
    """A deployment with the settings that everybody gets, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="gradflat-bench-") as folder:
        process = subprocess.Popen([*_UP, folder], stdout=subprocess.DEVNULL)
        try:
            found = _ready(Path(folder), process)
            yield Deployment(urlsplit(found.url).port or 0, found.api_key, process.pid)
        finally:
            process.terminate()
            process.wait(_END_S)


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, in seconds."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has held, in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError("VmHWM")


def has_mapped(pid: int, library: str) -> bool:
    """Whether a process has loaded a library."""
    return library in Path(f"/proc/{pid}/maps").read_text()


def _ready(folder: Path, process: "subprocess.Popen[bytes]") -> connection.Connection:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := connection.read(folder):
            return found
        time.sleep(0.05)
    raise TimeoutError("the deployment did not start")


def _descendants(pid: int) -> list[int]:
    below: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            below += [child, *_descendants(child)]
    return below


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
