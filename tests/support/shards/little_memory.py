"""Runs a shard with enough memory, and again with little: ``python -m
tests.support.shards.little_memory``, in a process of its own.

Reads a request, the number of starts and the bytes that the second run may use on top
of what the process has, from standard input as JSON. Prints the losses, iterations and
labels that both runs found, what both tell of the search, and how often memory was
short.
"""

import gc
import json
import re
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import shard_task
from worker.finders.loop import groups
from worker.pipeline import memory, run_shard
from worker.reports.shards import read_result


def main() -> None:
    """Runs both."""
    torch.set_num_threads(1)
    order = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        enough, told = _found(order, Path(folder) / "enough")
        gc.collect()
        limit = _virtual_bytes() + order["bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        shortages = _counted()
        little, told_of_little = _found(order, Path(folder) / "little")
    answer = {
        "enough": enough,
        "little": little,
        "notes": [told, told_of_little],
        "shortages": len(shortages),
    }
    sys.stdout.write(json.dumps(answer))


def _found(order: dict[str, Any], folder: Path) -> tuple[list[list[object]], list[str]]:
    task = shard_task(
        Specification.model_validate(order["request"]),
        folder,
        first=0,
        count=order["starts"],
    )
    run_shard(task, RecordingObserver())
    result = read_result(folder)
    search = result.facts.search
    assert search is not None
    found = [[each.loss, each.iterations, each.label] for each in result.points]
    return found, search.notes


def _counted() -> list[None]:
    """One entry for each time that memory is given back after a shortage."""
    calls: list[None] = []
    inner = memory.release

    def release() -> None:
        calls.append(None)
        inner()

    groups.release = release
    memory.release = release
    return calls


def _virtual_bytes() -> int:
    found = re.search(r"VmSize:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    main()
