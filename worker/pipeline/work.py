"""A shard at work: what its phases share."""

from dataclasses import dataclass
from typing import final

from worker.build import Built
from worker.pipeline.task import Observer, ShardTask
from worker.pipeline.watch import Watch


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A shard and its problem, with what the phases keep to.

    Attributes:
        task: The shard.
        built: Its problem.
        memory_budget_bytes: What the runs that a phase takes together may need.
        observer: Hears of phases, progress, points and checkpoints.
        watch: Knows when to end.
    """

    task: ShardTask
    built: Built
    memory_budget_bytes: int
    observer: Observer
    watch: Watch
