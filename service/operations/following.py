"""Following a job's events as they happen, for many clients at the price of one.

Every follower first reads what has happened, then waits at the feed of the job: one
task that asks the database again and again for as long as anybody listens.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from time import monotonic
from typing import final

from anyio.to_thread import run_sync
from sqlalchemy.exc import SQLAlchemyError

from service.errors import RateLimited, ServiceError
from service.schemas.events import Event
from service.stores.jobs.events import EventStore, History

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_GROWTH = 1.5
_HEARTBEAT_S = 15.0
_LONGEST_S = 900.0
"""A follower comes back after this time, and shows its key again."""
_PAGE = 1000
_REPLAYED = 100
"""Events of the past that are read at once, for each of many who may come together."""
_MOST_FOLLOWERS = 250
"""Streams that a tenant may have open at one process."""
_MOST_WAITING = 64
"""Batches that a slow client may leave unread before it is cut off."""

_Read = Callable[[int], Awaitable[History]]
_Place = asyncio.Queue[list[Event] | None]


@final
class Followers:
    """Those who follow jobs through one API process."""

    def __init__(self, events: EventStore) -> None:
        self._events = events
        self._feeds: dict[tuple[str, str], _Feed] = {}
        self._numbers: Counter[str] = Counter()
        self._closed = False

    def check_room(self, tenant: str) -> None:
        """Makes sure that one more may follow.

        Raises:
            RateLimited: If as many of the tenant do as may.
        """
        if self._numbers[tenant] >= _MOST_FOLLOWERS:
            raise RateLimited(
                f"At most {_MOST_FOLLOWERS} streams may be open",
                headers={"Retry-After": "5"},
            )

    async def batches(
        self, tenant: str, job_id: str, *, after: int
    ) -> AsyncGenerator[list[Event]]:
        """Yields a job's events in order and without a gap, until its last.

        It ends early where the follower is too slow, stays for long or the server is to
        end; a new one then goes on after the last event.

        Args:
            tenant: Whose the job is.
            job_id: The job.
            after: The last sequence number that is known.

        Yields:
            Events that follow each other; none of them as a sign of life.
        """
        self._numbers[tenant] += 1
        try:
            async with aclosing(self._follow(tenant, job_id, after)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            self._numbers[tenant] -= 1

    async def _follow(
        self, tenant: str, job_id: str, after: int
    ) -> AsyncGenerator[list[Event]]:
        async def read(last: int, limit: int = _PAGE) -> History:
            return await run_sync(
                lambda: self._events.history(tenant, job_id, after=last, limit=limit)
            )

        leave_at = monotonic() + _LONGEST_S
        while (history := await read(after, _REPLAYED)).events:
            yield history.events
            after = history.events[-1].sequence
        if history.is_over or self._closed:
            return
        feed = self._feeds.get((tenant, job_id))
        if feed is None or feed.is_over:
            feed = self._feeds[tenant, job_id] = _Feed(read, after)
        place = feed.enter()
        try:
            # What happened between the last look and now may be told twice, not never.
            batch: list[Event] | None = (await read(after)).events
            while batch is not None and monotonic() < leave_at:
                batch = [event for event in batch if event.sequence > after]
                yield batch
                if batch:
                    after = batch[-1].sequence
                    if batch[-1].type == "done":
                        return
                batch = await _next(place)
        finally:
            if feed.leave(place) and self._feeds.get((tenant, job_id)) is feed:
                del self._feeds[tenant, job_id]

    def close(self) -> None:
        """Sends everybody away, who may come back to another process."""
        self._closed = True
        for feed in self._feeds.values():
            feed.end()


async def _next(place: _Place) -> list[Event] | None:
    try:
        return await asyncio.wait_for(place.get(), _HEARTBEAT_S)
    except TimeoutError:
        return []


@final
class _Feed:
    """Tells all who have entered what happens to one job."""

    def __init__(self, read: _Read, after: int) -> None:
        self._read = read
        self._after = after
        self._places: set[_Place] = set()
        self._task = asyncio.create_task(self._watch())

    @property
    def is_over(self) -> bool:
        return self._task.done()

    def enter(self) -> _Place:
        place: _Place = asyncio.Queue(_MOST_WAITING)
        self._places.add(place)
        return place

    def leave(self, place: _Place) -> bool:
        """Whether it was the last one."""
        self._places.discard(place)
        if self._places:
            return False
        self._task.cancel()
        return True

    def end(self) -> None:
        self._task.cancel()
        self._tell(None)

    async def _watch(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE_S)
            try:
                history = await self._read(self._after)
            except SQLAlchemyError:
                continue  # the database is away, and will be back
            except ServiceError:
                break  # the job was deleted
            if history.events:
                self._after = history.events[-1].sequence
                self._tell(history.events)
                pause = _FIRST_PAUSE_S
            elif history.is_over:
                break
        self._tell(None)

    def _tell(self, batch: list[Event] | None) -> None:
        for place in self._places:
            if place.full():
                while not place.empty():
                    place.get_nowait()
                place.put_nowait(None)
            else:
                place.put_nowait(batch)
