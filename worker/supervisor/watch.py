"""Watches a runner work: passes on its news, and ends it when it must end."""

import signal
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TypeVar, assert_never, final

from service.schemas.jobs import Progress
from service.stores.jobs.events import NewEvent
from worker.protocol import (
    Cancel,
    Checkpointed,
    Drain,
    Drained,
    Failed,
    PhaseEntered,
    PointFound,
    Progressed,
    Ready,
    Reply,
    ReportDone,
    ShardDone,
)
from worker.supervisor.lease import Lease
from worker.supervisor.runners import Runner, RunnerEnded

TICK_S = 0.1
CANCEL_GRACE_S = 12.0
"""From asking a runner for what it has until SIGTERM."""
DRAIN_GRACE_S = 8.0
"""From asking a runner for a checkpoint until SIGTERM."""
TERMINATION_S = 1.0
"""From SIGTERM until SIGKILL."""
DEATH_S = 1.0
"""In which a runner that closed its pipe should be gone."""

_CRASHES = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
)
_VMSTAT = Path("/proc/vmstat")
_D = TypeVar("_D", ShardDone, ReportDone)


@final
class Ending(Enum):
    """Why there is no result, and no failure either."""

    CANCELLED = "the job is to end, and there are no results"
    DRAINED = "the worker is to end"
    KILLED = "the runner was killed from outside"


class NotDone(Exception):
    """The run ended without a result.

    Attributes:
        ending: Why.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class RunFailed(Exception):
    """The job fails.

    Attributes:
        code: Stable name.
        message: For the job's owner.
        retryable: Whether another attempt might succeed.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable


@final
class Watch:
    """One runner, one lease, one deadline."""

    def __init__(
        self,
        runner: Runner,
        lease: Lease,
        *,
        seconds_left: float,
        draining: Callable[[], bool],
        on_tick: Callable[[], None],
        on_checkpoint: Callable[[], None],
    ) -> None:
        self._runner = runner
        self._lease = lease
        self._deadline = time.monotonic() + seconds_left
        self._draining = draining
        self._on_tick = on_tick
        self._on_checkpoint = on_checkpoint
        self._asked_at: float | None = None
        self._terminated = False
        self._memory_kills = _memory_kills()

    def until(self, done: type[_D]) -> _D:
        """Returns the runner's final word.

        Args:
            done: What it says when all went well.

        Returns:
            That word. Anything else raises `RunFailed`, `NotDone` or `LeaseLost`.
        """
        self._asked_at, self._terminated = None, False
        while True:
            self._on_tick()
            try:
                for reply in self._runner.replies(TICK_S):
                    if isinstance(reply, done):
                        return reply
                    self._receive(reply)
            except RunnerEnded:
                raise self._explain(self._runner.kill(DEATH_S)) from None
            self._enforce()

    def _receive(self, reply: Reply) -> None:
        match reply:
            case PhaseEntered(name=name):
                self._lease.report(phase=name)
            case Progressed(done=done, total=total):
                fraction = min(1.0, done / total) if total else 0.0
                told = reply.model_dump(exclude={"kind"})
                self._lease.report(progress=Progress(**told, fraction=fraction))
            case PointFound():
                data = reply.model_dump(mode="json", exclude={"kind", "type"})
                event = NewEvent(type="point", data=data | {"kind": reply.type})
                self._lease.report(event=event)
            case Checkpointed():
                self._on_checkpoint()
            case Failed(code=code, message=message, retryable=retryable):
                raise RunFailed(code, message, retryable=retryable)
            case Drained():
                raise NotDone(self._ending())
            case Ready():
                pass
            case ShardDone() | ReportDone():
                raise RunFailed("internal_error", "The runner answered out of turn.")
            case _:
                assert_never(reply)

    def _enforce(self) -> None:
        self._lease.check()
        now = time.monotonic()
        if now > self._deadline:
            raise RunFailed("time_limit_exceeded", "The time limit was reached.")
        if self._asked_at is None:
            if self._lease.cancel_requested:
                self._asked_at = now
                self._runner.send(Cancel(kind="cancel"))
            elif self._draining():
                self._asked_at = now
                self._runner.send(Drain(kind="drain"))
            return
        grace = CANCEL_GRACE_S if self._lease.cancel_requested else DRAIN_GRACE_S
        waited = now - self._asked_at
        if waited > grace + TERMINATION_S:
            self._runner.kill()
            raise NotDone(self._ending())
        if waited > grace and not self._terminated:
            self._terminated = True
            self._runner.terminate()

    def _ending(self) -> Ending:
        return Ending.CANCELLED if self._lease.cancel_requested else Ending.DRAINED

    def _explain(self, status: int) -> Exception:
        if self._asked_at is not None:
            return NotDone(self._ending())
        if status == -signal.SIGKILL and _memory_kills() > self._memory_kills:
            return RunFailed("out_of_memory", "The system ran out of memory.")
        if -status in _CRASHES:
            name = signal.Signals(-status).name
            return RunFailed("runner_crashed", f"The numerics crashed ({name}).")
        if status < 0:
            return NotDone(Ending.KILLED)
        return RunFailed("internal_error", "The runner ended without an answer.")


def _memory_kills() -> int:
    """Processes that the kernel killed for memory, on the whole host."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(s.split()[1]) for s in lines if s.startswith("oom_kill ")), 0)
