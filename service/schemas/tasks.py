"""Names by which the front end and the workers find each other in the broker."""

from service.schemas.priorities import Priority

RUN_SHARD = "gradflat.run_shard"
"""Task with one argument, a shard id."""

SHARD_QUEUES: dict[Priority, str] = {
    "high": "gradflat.shards.1",
    "normal": "gradflat.shards.2",
    "low": "gradflat.shards.3",
}
"""Workers take from the first queue, by name, that holds a message."""
