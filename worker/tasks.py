"""The one task, and the supervisor that does it, in Celery's pool process."""

import logging
import os
import socket
from functools import cache
from typing import Any

from celery import signals

from service.schemas.tasks import RUN_SHARD
from service.settings import Settings
from service.stores.bundle import open_stores
from worker import drain
from worker.app import app
from worker.supervisor.heartbeat import Heartbeat
from worker.supervisor.runners import RunnerEnded
from worker.supervisor.supervisor import Supervisor

_log = logging.getLogger(__name__)


@app.task(name=RUN_SHARD)
def run_shard(shard_id: str) -> None:
    """Computes a shard, if it is still to be computed and nobody else does."""
    _supervisor().run(shard_id)


@cache
def _supervisor() -> Supervisor:
    settings = Settings()
    stores = open_stores(settings)
    name = f"{socket.gethostname()}:{os.getpid()}"
    supervisor = Supervisor(stores, settings, worker=name, draining=drain.requested)
    try:
        device = supervisor.device()
    except RunnerEnded:
        supervisor.close()
        raise
    Heartbeat(
        stores.workers, name, device=device, runner_bytes=supervisor.runner_bytes
    ).start()
    return supervisor


@signals.worker_process_init.connect
def _warm_up(**_: Any) -> None:  # noqa: ANN401 - Celery's
    try:
        _supervisor()
    except RunnerEnded:
        _log.critical("no runner starts here: this worker can do nothing")


@signals.worker_process_shutdown.connect
def _close(**_: Any) -> None:  # noqa: ANN401
    if _supervisor.cache_info().currsize:
        _supervisor().close()
