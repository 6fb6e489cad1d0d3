"""A live API server in this process, on its own port and its own data folder."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import httpx
import uvicorn

from service.app import create_app
from service.http.protocol import Protocol
from service.queue import InMemoryQueue, ShardQueue
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from tests.support.servers.ports import free_port

ALL_SCOPES = frozenset({"files:read", "files:write", "jobs:read", "jobs:write"})
_numbers = count(1)


@dataclass(frozen=True)
class LiveApi:
    """A running server, and a way into its stores that passes it by."""

    url: str
    settings: Settings
    stores: Stores
    queue: ShardQueue

    def key(
        self, tenant: str | None = None, scopes: frozenset[str] = ALL_SCOPES
    ) -> tuple[str, str]:
        """The tenant, a new one unless named, and a new key of it."""
        tenant = tenant or f"tenant-{next(_numbers)}"
        return tenant, self.stores.keys.create(tenant=tenant, scopes=scopes)[1]

    @contextmanager
    def tenant(self) -> Generator["Tenant"]:
        """A new tenant with a client."""
        name, key = self.key()
        with self.client(key) as http:
            yield Tenant(name=name, key=key, http=http, api=self)

    def client(self, key: str | None) -> httpx.Client:
        """A client that sends the key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


@dataclass(frozen=True)
class Tenant:
    """A tenant of its own on the shared server, with a client that acts for it."""

    name: str
    key: str
    http: httpx.Client
    api: LiveApi

    @property
    def stores(self) -> Stores:
        return self.api.stores


@contextmanager
def live_api(settings: Settings, queue: ShardQueue | None = None) -> Generator[LiveApi]:
    """A server that is ready, stopped afterwards."""
    queue = queue or InMemoryQueue()
    port = free_port()
    config = uvicorn.Config(
        create_app(settings, queue=queue),
        http=Protocol,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    stores = open_stores(settings)
    try:
        _until_ready(f"http://127.0.0.1:{port}", thread)
        yield LiveApi(
            url=f"http://127.0.0.1:{port}",
            settings=settings,
            stores=stores,
            queue=queue,
        )
    finally:
        server.should_exit = True
        thread.join()
        stores.engine.dispose()


def _until_ready(url: str, thread: threading.Thread) -> None:
    with httpx.Client(
        base_url=url, transport=httpx.HTTPTransport(retries=10)
    ) as client:
        while True:
            assert thread.is_alive(), "the server did not start"
            try:
                client.get("/v1/health/live")
            except httpx.ConnectError:
                continue
            return
