"""One shard of a job: specification and inputs to results; and their report.

No Celery, no SQL: callable from a test or a notebook.
"""

from worker.pipeline.assembly import assemble
from worker.pipeline.shard import run_shard
from worker.pipeline.task import Observer, ShardTask

__all__ = ["Observer", "ShardTask", "assemble", "run_shard"]
