"""Tells the database now and then that a worker is there."""

import importlib.metadata
import logging
import threading
import time
from collections.abc import Callable
from typing import final

from sqlalchemy.exc import SQLAlchemyError

from service.stores.workers import WorkerStore

INTERVAL_S = 15.0
_log = logging.getLogger(__name__)


@final
class Heartbeat:
    """Beats on a thread for as long as the process lives."""

    def __init__(
        self,
        workers: WorkerStore,
        worker: str,
        *,
        device: str,
        runner_bytes: Callable[[], int],
    ) -> None:
        self._workers = workers
        self._worker = worker
        self._device = device
        self._runner_bytes = runner_bytes

    def start(self) -> None:
        """Begins with a first beat."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        version = importlib.metadata.version("gradflat")
        while True:
            try:
                self._workers.beat(
                    self._worker,
                    device=self._device,
                    version=version,
                    runner_bytes=self._runner_bytes(),
                )
            except SQLAlchemyError:
                _log.warning("the heartbeat was not recorded", exc_info=True)
            time.sleep(INTERVAL_S)
