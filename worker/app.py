"""The Celery application: ``celery -A worker.app worker``.

Messages are acknowledged when they arrive and carry a shard's id only; whatever is lost
or sent twice is put right by the leases in the database.
"""

from typing import Any

from celery import Celery, signals
from kombu.entity import Queue

from service import logs
from service.schemas.tasks import SHARD_QUEUES
from service.settings import Settings

app = Celery(
    "gradflat",
    broker=Settings().broker_url,
    include=["worker.tasks", "worker.housekeeping"],
)
app.conf.update(
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue=SHARD_QUEUES["normal"],
    task_queues=[Queue(name) for name in SHARD_QUEUES.values()],
    task_create_missing_queues=False,
    task_acks_late=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_pool="prefork",
    worker_concurrency=1,
    # CUDA does not survive a fork, and neither do connections and threads.
    worker_pool_start_method="spawn",
    # A spawned child imports everything before it says that it is up.
    worker_proc_alive_timeout=60.0,
    worker_soft_shutdown_timeout=60.0,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_connect_timeout": 2.0,
        "socket_timeout": 20.0,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # Always from the first queue by name that holds a message.
        "queue_order_strategy": "sorted",
    },
)


@signals.setup_logging.connect
def _log(**_: Any) -> None:  # noqa: ANN401 - Celery's
    logs.configure()
