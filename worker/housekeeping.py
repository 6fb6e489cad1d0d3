"""What a worker does beside its tasks: it drains when asked, and runs the reconciler.

This is wired to the signals of Celery's main process, which computes nothing.
"""

import threading
from typing import Any, final

from celery import signals

from service.queue import CeleryQueue
from service.reconciler import Reconciler
from service.settings import Settings
from service.stores.bundle import open_stores
from worker import drain


@final
class Housekeeping:
    """The reconciler on a thread, from `start` to `stop`."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._reconcile, name="reconciler", daemon=True
        )

    def start(self) -> None:
        """Begins; Celery does not wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it after what it is doing."""
        self._stop.set()
        self._thread.join(2.0)

    def _reconcile(self) -> None:
        settings = Settings()
        queue = CeleryQueue(settings.broker_url)
        Reconciler(open_stores(settings), queue, settings).run(self._stop)


_housekeeping = Housekeeping()


@signals.celeryd_init.connect
def _prepare(**_: Any) -> None:  # noqa: ANN401 - Celery's
    drain.prepare(Settings().resolved_scratch_dir)


@signals.worker_ready.connect
def _start(**_: Any) -> None:  # noqa: ANN401
    _housekeeping.start()


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:  # noqa: ANN401
    drain.request()


@signals.worker_shutdown.connect
def _stop(**_: Any) -> None:  # noqa: ANN401
    _housekeeping.stop()
    drain.withdraw()
