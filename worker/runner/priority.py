"""The runner's place behind the processes that somebody waits for."""

import os
import time
from pathlib import Path

NICENESS = 5
"""A third of the weight of others, which get a processor as soon as they ask for it."""

_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 10
_PAUSE_S = 0.1  # the kernel takes one change in this time


def yield_to_others() -> None:
    """Lowers the priority of this process, and of its session if it leads one.

    Where Linux groups processes by session (``sched_autogroup_enabled``), the niceness
    of a process counts only among those of its own session.
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid() and _AUTOGROUP.exists():
        _lower_session()


def _lower_session() -> None:
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(NICENESS))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError:  # a read-only /proc
            return
        else:
            return
