"""What a shard is given, and whom it tells of its progress."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final

from service.schemas.reports import Point
from service.schemas.specifications import Specification


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """A range of starts to search from and classify.

    Attributes:
        job_id: The job.
        specification: Everything that determines its report.
        first: Number of the first start.
        count: How many starts.
        weights: Uploaded weights, where the specification names them.
        dataset: Uploaded data set, where the specification names one.
        folder: Where results are written, and a checkpoint is looked for.
        device: A torch device.
        dense_limit: Up to this many parameters Hessians are formed.
        memory_budget_bytes: What a batch of runs may take, inputs apart; more runs
            take turns.
        checkpoint_seconds: Time between checkpoints.
        memory_limit_bytes: What a single run may take where the budget does not hold
            it; None is the budget.
    """

    job_id: str
    specification: Specification
    first: int
    count: int
    weights: Path | None
    dataset: Path | None
    folder: Path
    memory_budget_bytes: int
    device: str = "cpu"
    dense_limit: int = 2000
    checkpoint_seconds: float = 30.0
    memory_limit_bytes: int | None = None

    @property
    def starts(self) -> range:
        """Numbers of the starts."""
        return range(self.first, self.first + self.count)


class Observer(Protocol):
    """Hears how a shard comes along, and may ask it to end."""

    def phase(self, name: str) -> None:
        """A phase began, such as searching."""
        ...

    def progress(self, done: int, total: int, unit: str) -> None:
        """The phase has come so far."""
        ...

    def point(self, point: Point) -> None:
        """A point was classified."""
        ...

    def checkpointed(self, path: Path) -> None:
        """A checkpoint was written."""
        ...

    def stop_requested(self) -> bool:
        """Whether to finish up quickly with partial results."""
        ...

    def drain_requested(self) -> bool:
        """Whether to write a checkpoint and leave."""
        ...
