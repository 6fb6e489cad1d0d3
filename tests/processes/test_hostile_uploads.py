"""The hostile files against a real API process: named, soon, and in little memory."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.database import migrate
from tests.support.hostile_file import MIB
from tests.support.hostile_files import HOSTILE_FILES
from tests.support.hostile_sizes import LARGE_FILES
from tests.support.live_api import ALL_SCOPES
from tests.support.ports import free_port
from tests.support.stack import GRADFLAT
from tests.support.tensors import weights_of
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CORPUS = HOSTILE_FILES | LARGE_FILES
SECONDS = 1.0
GROWTH = 50 * MIB
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ApiProcess:
    """An API of its own, and what the kernel says of it."""

    pid: int
    http: httpx.Client

    def upload(self, content: bytes, purpose: str) -> httpx.Response:
        return self.http.post(
            f"/v1/files?purpose={purpose}",
            content=content,
            headers={"Content-Type": "application/octet-stream"},
        )

    def processor_seconds(self) -> float:
        """Of all its threads, since it began."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self, name: str = "VmRSS") -> int:
        """Bytes of memory; `VmHWM` is the peak since `forget_peak`."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        line = next(it for it in lines if it.startswith(name))
        return int(line.split()[1]) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("hostile"))
    stores = open_stores(settings)
    migrate(stores.engine)
    _, secret = stores.keys.create(tenant="mallory", scopes=ALL_SCOPES)
    stores.engine.dispose()
    port = free_port()
    environment = {
        **os.environ,
        "GRADFLAT_DATA_DIR": str(settings.data_dir),
        "GRADFLAT_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    process = subprocess.Popen(
        [*GRADFLAT, "api", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        ) as http:
            until(lambda: answers(http), what="the API")
            api = ApiProcess(process.pid, http)
            # What a first upload imports and a parser keeps is not growth.
            for content in (weights_of(3, 2), b""):
                api.upload(content, "weights")
            yield api
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/v1/health/live").is_success
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_file_is_refused(api: ApiProcess, name: str) -> None:
    file = CORPUS[name]
    content = file.build()
    before, spent = api.resident(), api.processor_seconds()
    api.forget_peak()
    answer = api.upload(content, file.purpose)
    assert api.processor_seconds() - spent < SECONDS
    assert api.resident("VmHWM") - before < GROWTH
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    code = "weights_invalid" if file.purpose == "weights" else "dataset_invalid"
    assert problem["code"] == code
    assert [it["code"] for it in problem["errors"]] == [file.reason]
    assert len(answer.content) < 2000


def test_all_of_them_together_leave_nothing_behind(api: ApiProcess) -> None:
    before = api.resident()
    for file in CORPUS.values():
        api.upload(file.build(), file.purpose)
    assert api.resident() - before < GROWTH
    assert api.http.get("/v1/me").json()["usage"]["stored_bytes"] == len(
        weights_of(3, 2)
    )
