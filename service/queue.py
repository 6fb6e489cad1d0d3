"""The queue: tells a worker that a shard waits, best effort.

The row in the database is the truth. A message that is lost, or never sent because the
broker is away, costs a delay until the reconciler publishes the shard again.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol, final

from celery import Celery  # pyright: ignore[reportMissingTypeStubs]
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from service.schemas.priorities import Priority
from service.schemas.tasks import RUN_SHARD, SHARD_QUEUES

_log = logging.getLogger(__name__)

_TRANSPORT_OPTIONS: dict[str, Any] = {
    # A broker that accepts and says nothing would block for ever without these.
    "socket_connect_timeout": 1.0,
    "socket_timeout": 1.5,
    "retry_on_timeout": False,
    "max_retries": 0,
}


class ShardQueue(Protocol):
    """Where shards are announced to workers."""

    def publish(self, shard_id: str, priority: Priority) -> bool:
        """Whether the message was handed over; never raises, blocks 2 s at most."""
        ...

    def ping(self) -> bool:
        """Whether the broker answers; never raises, blocks 2 s at most."""
        ...

    def is_empty(self) -> bool:
        """Whether the broker says that no message waits; never raises."""
        ...


@final
class CeleryQueue:
    """Sends Celery tasks by name, without importing the worker.

    Attributes:
        broker_url: Redis or Valkey.
    """

    def __init__(self, broker_url: str) -> None:
        self.broker_url = broker_url
        self._celery: Any = Celery("gradflat", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            result_backend=None,
            task_ignore_result=True,
            task_serializer="json",
            accept_content=["json"],
            task_create_missing_queues=False,
            task_default_queue=SHARD_QUEUES["normal"],
            task_queues=[Queue(name) for name in SHARD_QUEUES.values()],
            broker_connection_timeout=1,
            broker_transport_options=_TRANSPORT_OPTIONS,
        )

    def publish(self, shard_id: str, priority: Priority) -> bool:
        """Whether the message was handed over; never raises, blocks 2 s at most."""
        try:
            self._celery.send_task(
                RUN_SHARD,
                args=[shard_id],
                queue=SHARD_QUEUES[priority],
                retry=False,
                ignore_result=True,
            )
        except (OperationalError, OSError) as error:
            _log.warning(
                "shard %s is not published: %s", shard_id, type(error).__name__
            )
            return False
        return True

    def ping(self) -> bool:
        """Whether the broker answers; never raises, blocks 2 s at most."""
        return self._asked(lambda redis: redis.ping())

    def is_empty(self) -> bool:
        """Whether the broker says that no message waits; never raises."""
        return self._asked(lambda redis: not redis.exists(*SHARD_QUEUES.values()))

    def _asked(self, question: Callable[[Any], bool]) -> bool:
        """What the broker answers, False while it does not."""
        try:
            with self._celery.connection_for_write() as connection:
                return question(connection.default_channel.client)
        except (OperationalError, OSError):
            return False


@final
class InMemoryQueue:
    """Remembers what was published; for tests and for looking at the API alone.

    Attributes:
        published: Shard ids in order.
        priorities: Of the published shards.
        available: Whether the broker would take messages.
    """

    def __init__(self, *, available: bool = True) -> None:
        self.published: list[str] = []
        self.priorities: dict[str, Priority] = {}
        self.available = available

    def publish(self, shard_id: str, priority: Priority) -> bool:
        """Whether the queue is available."""
        if self.available:
            self.published.append(shard_id)
            self.priorities[shard_id] = priority
        return self.available

    def ping(self) -> bool:
        """Whether the queue is available."""
        return self.available

    def is_empty(self) -> bool:
        """Whether everything has been taken away."""
        return self.available and not self.published


def publish_all(
    queue: ShardQueue, shard_ids: Iterable[str], priority: Priority
) -> list[str]:
    """The shards that were published; stops at the first that could not be."""
    published: list[str] = []
    for shard_id in shard_ids:
        if not queue.publish(shard_id, priority):
            break
        published.append(shard_id)
    return published
