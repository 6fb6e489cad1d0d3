"""A claim kept alive: renewals on a thread of their own, with what is new."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar, final

from sqlalchemy.exc import SQLAlchemyError

from service.schemas.jobs import Progress
from service.settings import Settings
from service.stores.jobs.events import NewEvent
from service.stores.jobs.shards import ShardStore

NEWS_INTERVAL_S = 1.0
RETRY_INTERVAL_S = 1.0
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class LeaseLost(Exception):
    """The shard is no longer ours, or we cannot know that it is."""


@final
@dataclass(slots=True)
class News:
    """What one renewal tells: at most one new phase, and what happened in it."""

    phase: str | None = None
    progress: Progress | None = None
    events: list[NewEvent] = field(default_factory=list[NewEvent])


@final
class Lease:
    """Renews a claim until the block ends or the claim is lost.

    Attributes:
        token: Proves the claim.
        cancel_requested: Whether the last renewal said so.
    """

    def __init__(self, shards: ShardStore, token: str, settings: Settings) -> None:
        self.token = token
        self.cancel_requested = False
        self._shards = shards
        self._settings = settings
        self._confirmed_at = time.monotonic()
        self._lost = False
        self._ended = False
        self._failing = False
        self._news: deque[News] = deque()
        self._changed = threading.Condition()
        self._renewing = threading.Lock()
        # Its log entries carry the ids of the job, as ours do.
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._keep,), name="lease", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def report(
        self,
        *,
        phase: str | None = None,
        progress: Progress | None = None,
        event: NewEvent | None = None,
    ) -> None:
        """Adds to what the next renewal tells, and brings it forward.

        Args:
            phase: A phase that began.
            progress: How far it has come.
            event: What else happened.
        """
        with self._changed:
            if phase is not None or not self._news:
                self._news.append(News(phase=phase))
            if progress is not None:
                self._news[-1].progress = progress
            if event is not None:
                self._news[-1].events.append(event)
            self._changed.notify()

    def check(self) -> None:
        """Makes sure that the shard is still ours.

        Raises:
            LeaseLost: If it is not, or no renewal succeeded for too long.
        """
        silence = time.monotonic() - self._confirmed_at
        if self._lost or silence > self._settings.self_fence_seconds:
            raise LeaseLost

    def persist(self, write: Callable[[], _T]) -> _T:
        """Returns what a write answers, tried again while the database is away.

        Args:
            write: A store's method that is fenced by the token.

        Returns:
            The answer; it is not awaited any longer than the lease lasts.
        """
        while True:
            self.check()
            try:
                return write()
            except SQLAlchemyError:
                _log.warning("the database is away; the result waits", exc_info=True)
                time.sleep(RETRY_INTERVAL_S)

    def flush(self) -> None:
        """Tells all news now, so that it precedes what is written next."""
        while self._untold():
            self.persist(self._renew)

    def abandon(self) -> None:
        """Lets the lease run out now: another attempt may begin, and is counted."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()
        self.persist(lambda: self._shards.abandon(self.token))

    def _untold(self) -> bool:
        with self._renewing:
            return bool(self._news)

    def _keep(self) -> None:
        due = time.monotonic() + self._settings.renew_seconds
        news_due = 0.0
        while self._wait(due, news_due):
            try:
                self._renew()
                due = time.monotonic() + self._settings.renew_seconds
                news_due = time.monotonic() + NEWS_INTERVAL_S
            except SQLAlchemyError:
                _log.warning("the lease could not be renewed", exc_info=True)
                due = news_due = time.monotonic() + RETRY_INTERVAL_S
            if self._lost:
                return

    def _wait(self, due: float, news_due: float) -> bool:
        with self._changed:
            while not self._ended:
                left = self._due(due, news_due) - time.monotonic()
                if left <= 0:
                    return True
                self._changed.wait(left)
        return False

    def _due(self, due: float, news_due: float) -> float:
        if not self._news:
            return due
        new_phase = self._news[0].phase is not None and not self._failing
        return 0.0 if new_phase else min(due, news_due)

    def _renew(self) -> None:
        with self._renewing:
            with self._changed:
                news = self._news.popleft() if self._news else News()
            asked_at = time.monotonic()
            try:
                renewal = self._shards.renew(
                    self.token,
                    lease_seconds=self._settings.lease_seconds,
                    phase=news.phase,
                    progress=news.progress,
                    events=news.events,
                )
            except SQLAlchemyError:
                self._failing = True
                with self._changed:
                    self._news.appendleft(news)
                raise
            self._failing = False
            if renewal is None:
                self._lost = True
                return
            self._confirmed_at = asked_at
            self.cancel_requested = renewal.cancel_requested
