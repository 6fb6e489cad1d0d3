"""Runs that advance together: as many as memory holds."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from worker.finders.base import StopReason
from worker.finders.loop.iteration import Iteration
from worker.finders.loop.state import SearchState
from worker.linalg.shortage import is_shortage, release


@final
@dataclass(slots=True, kw_only=True)
class Groups:
    """Advances runs in groups, and in smaller ones once memory was short.

    Attributes:
        iteration: What is done with a group.
        size: Runs in a group, at most.
    """

    iteration: Iteration
    size: int

    def advance(self, state: SearchState, last: StopReason | None) -> None:
        """Takes all running runs from one iterate to the next.

        Args:
            state: Written to. Where memory is short the iteration begins anew, with
                groups of half the size, which is noted; nothing else of a failed
                attempt is left in it.
                A shortage passes through where even one run is too much.
            last: Why the runs end at this iterate, if no step may follow.
        """
        rows = state.active
        while self._falls_short(state, rows, last):
            self.size = -(-min(self.size, len(rows)) // 2)
            state.together = self.size
            release()

    def _falls_short(
        self, state: SearchState, rows: Tensor, last: StopReason | None
    ) -> bool:
        before = state.snapshot()
        try:
            for group in rows.split(self.size):
                self.iteration.advance(state, group, last)
        except (MemoryError, RuntimeError) as error:
            state.go_back(before)
            if not is_shortage(error) or min(self.size, len(rows)) == 1:
                raise
            return True
        return False
