"""Asking a computation to end: between two iterations, or in the middle of one."""

import time
from typing import final

from worker.errors import Drained
from worker.objectives.base import Objective
from worker.objectives.observed import Call, ObservedObjective
from worker.pipeline.task import Observer


@final
class Interrupted(Exception):
    """The computation was broken off to finish up with partial results."""


@final
class Watch:
    """Looks at what the observer asks for, and remembers since when."""

    def __init__(
        self,
        observer: Observer,
        *,
        search_grace_s: float = 3.0,
        classification_grace_s: float = 10.0,
    ) -> None:
        """Watches for an observer.

        Args:
            observer: Whoever may ask for a stop or a drain.
            search_grace_s: Time given then to end an iteration, or to drain.
            classification_grace_s: Time given then, after a stop, to classify points.
        """
        self._observer = observer
        self._search_grace_s = search_grace_s
        self._classification_grace_s = classification_grace_s
        self._stop_since: float | None = None
        self._drain_since: float | None = None

    @property
    def stop_requested(self) -> bool:
        """Whether to finish up with partial results."""
        if self._stop_since is None and self._observer.stop_requested():
            self._stop_since = time.monotonic()
        return self._stop_since is not None

    @property
    def drain_requested(self) -> bool:
        """Whether to leave at the next checkpoint."""
        if self._drain_since is None and self._observer.drain_requested():
            self._drain_since = time.monotonic()
        return self._drain_since is not None

    def searching(self, objective: Objective) -> ObservedObjective:
        """An objective that polls before every evaluation and product of a search."""
        return ObservedObjective(
            inner=objective, announce=lambda _call, _runs: self.poll_search()
        )

    def classifying(self, objective: Objective) -> ObservedObjective:
        """The same for the classification of points."""
        return ObservedObjective(inner=objective, announce=self.announce_classification)

    def announce_classification(self, _call: Call, _runs: int) -> None:
        """Polls before a call of the classification."""
        self.poll_classification()

    def poll_search(self) -> None:
        """Breaks off an iteration that did not end by itself."""
        self._poll(self._search_grace_s)

    def poll_classification(self) -> None:
        """Breaks off the classification when its time is over."""
        self._poll(self._classification_grace_s)

    def _poll(self, stop_grace_s: float) -> None:
        if self.stop_requested and _passed(self._stop_since, stop_grace_s):
            raise Interrupted
        if self.drain_requested and _passed(self._drain_since, self._search_grace_s):
            raise Drained


def _passed(since: float | None, grace_s: float) -> bool:
    return since is not None and time.monotonic() - since >= grace_s
