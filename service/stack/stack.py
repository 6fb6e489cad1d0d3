"""One machine's whole deployment, from its lock to its last process."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import final

import httpx

from service import connection
from service.connection import Connection
from service.queue import CeleryQueue
from service.schemas.account import SCOPES
from service.settings import Settings
from service.stack import broker
from service.stack.children import Child
from service.stack.claims import StackFailed, listen, lock, reachable
from service.stack.environment import WORKER_ARGUMENTS, environment
from service.stores.bundle import Stores, open_stores
from service.stores.sql.schema import migrate

TENANT = "default"
START_LIMIT_S = 90.0
SHUTDOWN_S = 15.0
"""In which the API and the worker end; a worker needs up to 10 s for a checkpoint."""
BROKER_SHUTDOWN_S = 3.0
_TICK_S = 0.1
_LOG_TAIL_BYTES = 2000


@final
class Stack:
    """Broker, API and worker on one data folder.

    Args:
        settings: Of the deployment. Its broker is used only if it is not embedded.
        host: Address to listen on.
        port: Port to listen on; 0 is any.
        embedded_broker: Whether to start our own.
    """

    def __init__(
        self, settings: Settings, *, host: str, port: int, embedded_broker: bool
    ) -> None:
        self._settings = settings
        self._host = host
        self._port = port
        self._embedded = embedded_broker
        self._folder = settings.data_dir.absolute()
        self._stop = threading.Event()
        self._services: list[Child] = []
        self._broker: Child | None = None

    def run(self, on_ready: Callable[[Connection], None]) -> None:
        """Starts everything, keeps it running, and ends it at SIGTERM or Ctrl-C.

        Args:
            on_ready: Called once, when jobs would be taken and run.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        held = lock(self._folder / "lock")
        (self._folder / "logs").mkdir(mode=0o700, exist_ok=True)
        listener = listen(self._host, self._port)
        logging.basicConfig(
            filename=self._folder / "logs" / "up.log",
            level=logging.WARNING,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        try:
            ready = self._start(listener)
            if ready is not None:
                connection.write(self._folder, ready)
                on_ready(ready)
            while not self._stop.wait(_TICK_S):
                self._tend()
        finally:
            (self._folder / connection.NAME).unlink(missing_ok=True)
            self._end()
            listener.close()
            os.close(held)

    def _start(self, listener: socket.socket) -> Connection | None:
        (self._folder / connection.NAME).unlink(missing_ok=True)
        settings = self._settings
        if self._embedded:
            embedded = broker.configure(self._folder / "broker")
            settings = settings.model_copy(update={"broker_url": embedded.url})
            self._broker = self._child("broker", embedded.command, dict(os.environ))
            self._broker.start()
        self._await(CeleryQueue(settings.broker_url).ping, "broker")
        stores = open_stores(settings)
        migrate(stores.engine)
        api_key = _api_key(stores, self._folder / "api-key")
        before = {worker.id for worker in stores.workers.live()}
        port: int = listener.getsockname()[1]
        url = f"http://{reachable(self._host)}:{port}"
        self._start_services(settings, listener)
        self._await(lambda: _ready(url), "api")
        self._await(
            lambda: {worker.id for worker in stores.workers.live()} - before,
            "worker",
        )
        stores.engine.dispose()
        if self._stop.is_set():
            return None
        return Connection(url=url, api_key=api_key, pid=os.getpid())

    def _start_services(self, settings: Settings, listener: socket.socket) -> None:
        inherited = environment(settings)
        api = ("-P", "-m", "service.cli", "api", "--socket", str(listener.fileno()))
        self._services = [
            self._child("api", (sys.executable, *api), inherited, (listener.fileno(),)),
            self._child("worker", (sys.executable, *WORKER_ARGUMENTS), inherited),
        ]
        for child in self._services:
            child.start()

    def _child(
        self,
        name: str,
        command: tuple[str, ...],
        environment: dict[str, str],
        inherited: tuple[int, ...] = (),
    ) -> Child:
        return Child(
            name,
            command,
            log=self._folder / "logs" / f"{name}.log",
            environment=environment,
            folder=self._folder,
            inherited=inherited,
        )

    def _children(self) -> list[Child]:
        return [*([self._broker] if self._broker else []), *self._services]

    def _tend(self) -> None:
        for child in self._children():
            child.tend()

    def _await(self, condition: Callable[[], object], name: str) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not self._stop.is_set() and not condition():
            for child in self._children():
                if not child.alive():
                    raise StackFailed(f"{child.name} ended:\n{self._tail(child.name)}")
            if time.monotonic() > deadline:
                raise StackFailed(f"{name} is not ready:\n{self._tail(name)}")
            self._stop.wait(_TICK_S)

    def _tail(self, name: str) -> str:
        log = self._folder / "logs" / f"{name}.log"
        if not log.exists():
            return "it has no log, and is not ours"
        return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")

    def _end(self) -> None:
        for child in self._services:
            child.terminate()
        deadline = time.monotonic() + SHUTDOWN_S
        for child in self._services:
            child.end(deadline)
        if self._broker is not None:
            self._broker.terminate()
            self._broker.end(time.monotonic() + BROKER_SHUTDOWN_S)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop.set()


def _api_key(stores: Stores, path: Path) -> str:
    if path.exists():
        secret = path.read_text().strip()
        if stores.keys.authenticate(secret) is not None:
            return secret
        path.unlink()
    _, secret = stores.keys.create(tenant=TENANT, scopes=frozenset(SCOPES))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    return secret


def _ready(url: str) -> bool:
    try:
        return httpx.get(
            f"{url}/v1/health/ready", timeout=2.0, trust_env=False
        ).is_success
    except httpx.HTTPError:
        return False
