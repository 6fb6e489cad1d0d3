"""The API in a process of its own, on a folder of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

import httpx

from benchmarks.uploads.memory import peak_mib
from service.settings import Settings
from service.stores.bundle import open_stores

_READY_S = 30.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that is ready.

    Attributes:
        url: Of the server.
        key: That may send files.
        pid: Its process.
    """

    url: str
    key: str
    pid: int

    @property
    def peak_mib(self) -> float:
        """The most memory that it has taken."""
        return peak_mib(self.pid)


@contextmanager
def server(folder: Path) -> Generator[Server]:
    """A server that ends with the block.

    Args:
        folder: Of its database and its files.

    Yields:
        The server, ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "api", "--port", str(port)],
        env={**os.environ, "GRADFLAT_DATA_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        stores = open_stores(Settings(data_dir=folder))
        scopes = frozenset({"files:read", "files:write"})
        _, key = stores.keys.create(tenant="benchmark", scopes=scopes)
        stores.engine.dispose()
        yield Server(url=url, key=key, pid=process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + _READY_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            httpx.get(f"{url}/v1/health/live")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server does not start")
