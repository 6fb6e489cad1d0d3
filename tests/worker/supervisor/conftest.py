import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.sql.schema import migrate
from tests.support.bench import ROOT, STANDIN, Bench
from worker.supervisor.supervisor import Supervisor


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        lease_seconds=5.0,
        renew_seconds=0.2,
        self_fence_seconds=4.0,
        runner_memory_bytes=1 << 32,
    )


@pytest.fixture
def bench(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    stores = open_stores(settings)
    migrate(stores.engine)
    draining = threading.Event()
    supervisor = Supervisor(
        stores, settings, worker="test", draining=draining.is_set, command=STANDIN
    )
    bench = Bench(stores, settings, supervisor, draining)
    yield bench
    draining.set()
    for thread in bench.running:
        thread.join()
    supervisor.close()
    stores.engine.dispose()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets how long a runner that is asked to stop may take."""

    def shorten(seconds: float) -> None:
        for name in ("CANCEL_GRACE_S", "DRAIN_GRACE_S", "TERMINATION_S"):
            monkeypatch.setattr(f"worker.supervisor.watch.{name}", seconds)

    return shorten
