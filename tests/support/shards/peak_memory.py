"""Measures what a shard takes, in a process of its own.

The command: ``python -m tests.support.shards.peak_memory``.

Reads a request, the number of starts and the budget from standard input as JSON, and
prints the bytes by which the process grew at its peak.
"""

import gc
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from service.schemas.specifications import Specification
from tests.support.shards.observers import RecordingObserver
from tests.support.shards.pipelines import run_job, shard_task
from worker.pipeline import run_shard

_WARM_UP: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [64, 2, 10], "activation": "tanh"},
        "dataset": {
            "kind": "builtin",
            "name": "digits",
            "transforms": [{"kind": "flatten"}],
        },
        "loss": {"kind": "cross_entropy"},
    },
    "starts": {"kind": "random", "count": 1},
    "finder": {"kind": "newton_mr", "max_iterations": 2},
    "spectrum": {"kind": "lanczos", "top": 1},
}


def main() -> None:
    """Warms up, so that libraries are loaded, and measures one shard."""
    torch.set_num_threads(1)
    order = json.load(sys.stdin)
    specification = Specification.model_validate(order["request"])
    with tempfile.TemporaryDirectory() as folder:
        for limit in (0, 2000):
            run_job(_WARM_UP, Path(folder), counts=(1,), dense_limit=limit)
        task = shard_task(
            specification,
            Path(folder) / "shard",
            first=0,
            count=order["starts"],
            dense_limit=order["dense_limit"],
            memory_budget_bytes=order["budget"],
        )
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
        run_shard(task, RecordingObserver())
    sys.stdout.write(str(_status("VmHWM") - before))


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    main()
