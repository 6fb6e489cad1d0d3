"""A real ``gradflat api`` alone: no broker answers it, and its jobs wait for ever."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.sql.schema import migrate
from tests.support.servers.live_api import ALL_SCOPES
from tests.support.servers.ports import free_port
from tests.support.servers.stack import GRADFLAT
from tests.support.servers.waiting import until

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ApiProcess:
    """The process, a client with a key, and what it logs."""

    process: "subprocess.Popen[bytes]"
    http: httpx.Client
    log: Path

    def processor_seconds(self) -> float:
        """Of all its threads, since it began."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident(self, name: str = "VmRSS") -> int:
        """Bytes of memory; `VmHWM` is the peak since `forget_peak`."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        line = next(it for it in lines if it.startswith(name))
        return int(line.split()[1]) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@contextmanager
def api_process(folder: Path) -> Generator[ApiProcess]:
    """An API that answers, killed afterwards."""
    stores = open_stores(Settings(data_dir=folder))
    migrate(stores.engine)
    _, secret = stores.keys.create(tenant="ada", scopes=ALL_SCOPES)
    stores.engine.dispose()
    port = free_port()
    log = folder / "api.log"
    environment = {
        **os.environ,
        "GRADFLAT_DATA_DIR": str(folder),
        "GRADFLAT_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*GRADFLAT, "api", "--port", str(port)], env=environment, stderr=file
        )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        ) as http:
            until(lambda: _answers(http), what="the API")
            yield ApiProcess(process, http, log)
    finally:
        process.kill()
        process.wait()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/v1/health/live").is_success
    except httpx.ConnectError:
        return False
