"""What the pipeline tells while it computes, passed on to the supervisor."""

import time
from pathlib import Path
from typing import final

from service.schemas.reports import Point
from worker.protocol import Checkpointed, PhaseEntered, PointFound, Progressed
from worker.runner.channel import Channel
from worker.runner.pace import Pace

PROGRESS_INTERVAL_S = 0.2


@final
class ChannelObserver:
    """Sends phases, points and checkpoints as they come, and progress now and then."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._progress_due = 0.0
        self._pace = Pace()

    def phase(self, name: str) -> None:
        """A phase began."""
        self._progress_due = 0.0
        self._pace = Pace()
        self._channel.send(PhaseEntered(kind="phase", name=name))

    def progress(self, done: int, total: int, unit: str) -> None:
        """The phase has come so far."""
        now = time.monotonic()
        eta_seconds = self._pace.eta_s(now, done, total)
        if done < total and now < self._progress_due:
            return
        self._progress_due = now + PROGRESS_INTERVAL_S
        self._channel.send(
            Progressed(
                kind="progress",
                done=done,
                total=total,
                unit=unit,
                eta_seconds=eta_seconds,
            )
        )

    def point(self, point: Point) -> None:
        """A point was classified."""
        self._channel.send(
            PointFound(
                kind="point",
                start=point.start,
                label=point.label,
                type=point.kind,
                loss=point.loss,
                squared_gradient_norm=point.squared_gradient_norm,
            )
        )

    def checkpointed(self, path: Path) -> None:  # noqa: ARG002 - its place is agreed
        """A checkpoint was written."""
        self._channel.send(Checkpointed(kind="checkpointed"))

    def stop_requested(self) -> bool:
        """Whether to finish up with partial results."""
        return self._channel.cancel_requested.is_set()

    def drain_requested(self) -> bool:
        """Whether to write a checkpoint and leave."""
        return self._channel.drain_requested.is_set()
