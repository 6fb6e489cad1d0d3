"""Measures one job: ``python -m benchmarks.growth.shard_process``, by itself.

Reads the specification, the number of starts, budget, dense limit, device and threads
from standard input as JSON; prints the times of the search and the bytes by which the
process, or what it holds on a GPU, grew at the peak of the whole job.
"""

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from typing_extensions import override

from benchmarks.peak import begin, peak
from benchmarks.shards import Indifferent
from service.schemas.specifications import Specification
from worker.pipeline import ShardTask, run_shard


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Phases(Indifferent):
    """An observer that notes when phases begin.

    Attributes:
        began: Name of each phase to its wall and processor times in seconds.
    """

    began: dict[str, tuple[float, float]] = field(default_factory=dict)

    @override
    def phase(self, name: str) -> None:
        """Notes the times."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.began[name] = time.perf_counter(), time.process_time()


def main() -> None:
    """Runs a small job, so that libraries are loaded, and then the one in question."""
    order = json.load(sys.stdin)
    torch.set_num_threads(order["threads"])
    torch.set_num_interop_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        _run(order | {"starts": 1}, order["warm_up"], Path(folder) / "small")
        before = begin(order["device"])
        phases = _run(order, order["specification"], Path(folder) / "shard")
        taken = peak(order["device"]) - before
    began = phases.began
    answer = {
        "search_wall_s": began["classifying"][0] - began["searching"][0],
        "search_cpu_s": began["classifying"][1] - began["searching"][1],
        "classifying_cpu_s": began["reporting"][1] - began["classifying"][1],
        "peak_bytes": taken,
    }
    print(json.dumps(answer))


def _run(order: dict[str, Any], specification: dict[str, Any], folder: Path) -> Phases:
    folder.mkdir()
    phases = Phases()
    task = ShardTask(
        job_id="job_" + "0" * 32,
        specification=Specification.model_validate(specification),
        first=0,
        count=order["starts"],
        weights=None,
        dataset=None,
        folder=folder,
        device=order["device"],
        dense_limit=order["dense_limit"],
        memory_budget_bytes=order["budget_bytes"],
    )
    run_shard(task, phases)
    return phases


if __name__ == "__main__":
    main()
