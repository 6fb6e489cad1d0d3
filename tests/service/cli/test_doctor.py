from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.main import main
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.sql.schema import migrate
from tests.support.jobs import claim, create_job
from tests.support.servers.ports import free_port
from tests.support.servers.valkey import valkey_server


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("GRADFLAT_DATA_DIR", str(tmp_path / "data"))
    broker = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("GRADFLAT_BROKER_URL", broker)
    stores = open_stores(Settings())
    yield stores
    stores.engine.dispose()


def doctor() -> tuple[int, dict[str, bool]]:
    """The exit status, and what is well."""
    done = CliRunner().invoke(main, ["doctor"])
    lines = [line.split(":")[0].split() for line in done.output.splitlines()]
    return done.exit_code, {name: word == "ok" for word, *_, name in lines}


@pytest.mark.usefixtures("stores")
def test_what_is_missing_is_told() -> None:
    status, found = doctor()
    assert status == 1
    assert found["database"]
    assert not found["schema"]
    assert not found["broker"]
    assert not found["workers"]
    assert "leases" not in found


@pytest.mark.servers
def test_all_is_well(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(stores.engine)
    version = CliRunner().invoke(main, ["--version"]).output.split()[-1]
    stores.workers.beat("w", device="cpu", version=version)
    with valkey_server(tmp_path) as server:
        monkeypatch.setenv("GRADFLAT_BROKER_URL", server.url)
        status, found = doctor()
    assert found == dict.fromkeys(found, True)
    assert status == 0
    assert {"disk", "versions", "queue", "leases"} <= set(found)


def test_silent_and_foreign_workers_are_told(stores: Stores) -> None:
    migrate(stores.engine)
    stores.workers.beat("w", device="cpu", version="0.0.1")
    _, [shard] = create_job(stores)
    claim(stores, shard, lease_seconds=0)
    status, found = doctor()
    assert status == 1
    assert not found["versions"]
    assert not found["leases"]
