"""Big files arrive although the API dies, and it stays small."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.client import Client
from tests.support.servers.cutting_proxy import cutting_proxy
from tests.support.servers.procs import command, kill
from tests.support.servers.stack import Stack
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("stack"),
]

MIB = 1 << 20


def weights(folder: Path, mebibytes: int) -> Path:
    path = folder / f"{mebibytes}.safetensors"
    save_file({"w": np.arange(mebibytes * MIB // 8, dtype=np.float64)}, path)
    return path


def killing_api(stack: Stack) -> Callable[[], None]:
    def kill_it() -> None:
        api = stack.api()
        kill(api)
        until(lambda: not command(api), what="the end of the API")

    return kill_it


def peak(pid: int) -> float:
    """The largest resident size that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def test_a_file_arrives_although_the_api_is_killed(
    stack: Stack, tmp_path: Path
) -> None:
    path = weights(tmp_path, 48)
    port = int(stack.url.rpartition(":")[2])
    with (
        cutting_proxy(
            port, after_bytes=20 * MIB, cuts=2, on_cut=killing_api(stack)
        ) as bad_port,
        Client(f"http://127.0.0.1:{bad_port}", stack.key) as client,
    ):
        stored = client.upload(path, "weights")
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_api_stays_small(stack: Stack, tmp_path: Path) -> None:
    with stack.client() as client:
        client.upload(weights(tmp_path, 8), "weights")
        before = peak(stack.api())
        client.upload(weights(tmp_path, 200), "weights")
    assert peak(stack.api()) - before < 10
