"""What a runner imposes on itself, and its tie to the process that started it."""

import os
import resource
import signal
import sys

from service.lifelines import end_with_parent
from worker.protocol import Limits


def impose(limits: Limits) -> None:
    """Ends this process with its parent and bounds what it may use.

    Memory is bounded by ``RLIMIT_DATA``, which counts private writable pages: libraries
    and the address space that CUDA reserves without touching are left out.
    """
    end_with_parent(limits.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, limits.files)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_NPROC, limits.processes)
        _lower(resource.RLIMIT_DATA, limits.memory_bytes)
    os.umask(0o077)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
