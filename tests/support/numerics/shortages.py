"""Hessians that run out of memory for batches above a size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch

from worker.objectives.observed import Call

SHORTAGES: dict[str, Callable[[], Exception]] = {
    "gpu": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    "cpu": lambda: RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't "
        "allocate memory: you tried to allocate 8 bytes. Error code 12 (Cannot "
        "allocate memory)"
    ),
    "python": lambda: MemoryError("no memory"),
    "c++": lambda: RuntimeError("std::bad_alloc"),
}


@final
@dataclass(slots=True, kw_only=True)
class Shortage:
    """Lets no more than ``most`` runs be computed together, after some calls.

    To be told of the calls of an observed objective.
    """

    most: int
    kind: str = "gpu"
    after: int = 0
    calls: int = 0
    failures: int = 0
    largest: int = 0

    def __call__(self, call: Call, runs: int) -> None:
        if call in {Call.VALUE, Call.GRADIENT}:
            return
        self.calls += 1
        if self.calls > self.after and runs > self.most:
            self.failures += 1
            error = SHORTAGES[self.kind]
            raise error()
        self.largest = max(self.largest, runs)
