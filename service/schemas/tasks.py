"""Names by which the front end and the workers find each other in the broker."""

RUN_SHARD = "gradflat.run_shard"
"""Task with one argument, a shard id."""

SHARD_QUEUE = "gradflat.shards"
