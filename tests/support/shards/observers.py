"""An observer of a shard that remembers, and asks for an end when told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from service.schemas.reports import Point


def never() -> bool:
    return False


@dataclass
class RecordingObserver:
    """Attributes hold what was heard; the two callables answer the pipeline."""

    stop: Callable[[], bool] = never
    drain: Callable[[], bool] = never
    phases: list[str] = field(default_factory=list)
    progressed: list[tuple[str, int, int, str]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    checkpoints: int = 0

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.progressed.append((self.phases[-1], done, total, unit))

    def point(self, point: Point) -> None:
        self.points.append(point)

    def checkpointed(self, path: Path) -> None:
        assert path.exists()
        self.checkpoints += 1

    def stop_requested(self) -> bool:
        return self.stop()

    def drain_requested(self) -> bool:
        return self.drain()

    @property
    def iterations(self) -> int:
        """Times that the search told of its progress."""
        return sum(phase == "searching" for phase, *_ in self.progressed)

    @property
    def products(self) -> int:
        """Times that it heard of a product."""
        return sum(unit == "products" for *_, unit in self.progressed)
