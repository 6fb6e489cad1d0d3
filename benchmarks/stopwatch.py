"""Wall and processor time of a piece of work."""

import fcntl
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Self, final

import torch

from benchmarks.settings import LOCK, Settings


@final
class Stopwatch:
    """Sums the times of all the pieces that run inside ``with watch:``.

    Attributes:
        wall_s: Seconds by the clock.
        cpu_s: Seconds of processor time of this process, which other load hardly moves.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self._device = torch.device(device)

    def __enter__(self) -> Self:
        """Begins a piece."""
        self._synchronise()
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._synchronise()
        wall, cpu = self._began
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


@contextmanager
def alone(settings: Settings) -> Generator[None]:
    """Keeps other benchmarks on this machine from timing anything meanwhile."""
    if settings.scale == "tiny":
        yield
        return
    with LOCK.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
