from collections.abc import Iterator

import httpx
import pytest

from service.queue import InMemoryQueue
from service.settings import Settings
from tests.support.servers.live_api import LiveApi, Tenant, live_api
from tests.support.servers.receiver import Receiver, receiver


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """One server for all tests; each test acts for a tenant of its own."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("api"),
        upload_limit_bytes=4 * 1024**2,
        starts_per_shard=8,
        quota_active_jobs=20,
        reconcile_seconds=3600.0,  # it would publish what other tests left
    )
    with live_api(settings) as server:
        yield server


@pytest.fixture
def tenant(api: LiveApi) -> Iterator[Tenant]:
    with api.tenant() as tenant:
        yield tenant


@pytest.fixture
def target() -> Iterator[Receiver]:
    """Takes the messages of webhooks."""
    with receiver() as running:
        yield running


@pytest.fixture
def anonymous(api: LiveApi) -> Iterator[httpx.Client]:
    with api.client(None) as http:
        yield http


@pytest.fixture
def queue(api: LiveApi) -> InMemoryQueue:
    assert isinstance(api.queue, InMemoryQueue)
    return api.queue
