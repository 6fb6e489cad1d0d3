"""What is killed or frozen, and by which of its marks it is found."""

import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from tests.support.servers.procs import command, kill, living_in

MARKS = {
    "api": "service.cli api",
    "worker": "celery -A worker.app",
    "supervisor": "spawn_main",
    "runner": "worker.runner",
    "broker": "valkey-server",
}
FREEZE = "frozen supervisor"
KINDS = (*MARKS, FREEZE)
ENDING_AN_ATTEMPT = ("worker", "supervisor", "runner")
"""Whose death costs the attempt that is under way, and no other."""


@final
@dataclass
class Marksman:
    """Strikes processes that live in a folder.

    Attributes:
        folder: Working directory of the processes, or above theirs.
        choice: Draws which process of which kind comes next.
        freeze_s: Time after which a frozen process goes on.
        struck: Strikes of each kind.
        frozen: Processes that are to go on, with the moments on the campaign's clock.
    """

    folder: Path
    choice: np.random.Generator
    freeze_s: float
    struck: Counter[str] = field(default_factory=Counter[str])
    frozen: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])

    def strike(self, now: float) -> None:
        """Hits one process of a random kind, of the next kind if there is none now."""
        order = [KINDS[place] for place in self.choice.permutation(len(KINDS))]
        for kind in order:
            found = self._find("supervisor" if kind == FREEZE else kind)
            if found:
                self._hit(kind, found[self.choice.integers(len(found))], now)
                return

    def thaw(self, now: float) -> None:
        """Lets go on what was frozen long enough."""
        for due, pid in [*self.frozen]:
            if due <= now:
                self.frozen.remove((due, pid))
                with suppress(ProcessLookupError):
                    kill(pid, signal.SIGCONT)

    def _hit(self, kind: str, pid: int, now: float) -> None:
        with suppress(ProcessLookupError):
            if kind == FREEZE:
                kill(pid, signal.SIGSTOP)
                self.frozen.append((now + self.freeze_s, pid))
            else:
                kill(pid)
            self.struck[kind] += 1

    def _find(self, kind: str) -> list[int]:
        lines = {pid: command(pid) for pid in living_in(self.folder)}
        found = sorted(
            pid
            for pid, line in lines.items()
            # A child is another program for a moment before it becomes its own.
            if MARKS[kind] in line and "lifelines" not in line
        )
        at_work = [pid for pid in found if Path(f"/proc/{pid}/cwd/shard").exists()]
        return at_work or found
