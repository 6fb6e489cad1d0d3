"""Measures one spectrum: ``python -m benchmarks.scale.shard_process``, by itself.

Reads the specification, data set, budget, limit, device and threads from standard input
as JSON; prints what was found, the time of its products, and the bytes by which the
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
from service.schemas.reports import Point
from service.schemas.specifications import Specification
from worker.pipeline import ShardTask, run_shard


@final
@dataclass(slots=True, kw_only=True)
class Products(Indifferent):
    """An observer that notes when products were made.

    Attributes:
        times_s: Wall and processor time after each product.
        checkpoints: Those written meanwhile.
    """

    times_s: list[tuple[float, float]] = field(default_factory=list)
    checkpoints: list[Path] = field(default_factory=list)

    @override
    def progress(self, done: int, total: int, unit: str) -> None:
        """Notes the times, and tells of them now and then."""
        if unit == "products":
            self.times_s.append((time.perf_counter(), time.process_time()))
            if len(self.times_s) % 10 == 0:
                print(f"{done}/{total} products", file=sys.stderr, flush=True)

    @override
    def checkpointed(self, path: Path) -> None:
        """Notes it."""
        self.checkpoints.append(path)


def main() -> None:
    """Runs a small job, so that libraries are loaded, and then the one in question."""
    order = json.load(sys.stdin)
    torch.set_num_threads(order["threads"])
    torch.set_num_interop_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        _run(order, order["warm_up"], Path(folder) / "small")
        before = begin(order["device"])
        products, point = _run(order, order["specification"], Path(folder) / "shard")
        taken = peak(order["device"]) - before
    spectrum = point.spectrum
    if spectrum is None:
        raise ValueError(point.notes)
    (wall, cpu), (last_wall, last_cpu) = products.times_s[0], products.times_s[-1]
    made = len(products.times_s) - 1
    answer = {
        "products": spectrum.hessian_vector_products,
        "converged": spectrum.converged,
        "largest": spectrum.largest[0],
        "smallest": spectrum.smallest[0],
        "vectors": None if spectrum.vectors is None else spectrum.vectors.precision,
        "checkpoints": len(products.checkpoints),
        "product_wall_s": (last_wall - wall) / made,
        "product_cpu_s": (last_cpu - cpu) / made,
        "peak_bytes": taken,
    }
    print(json.dumps(answer))


def _run(
    order: dict[str, Any], specification: dict[str, Any], folder: Path
) -> tuple[Products, Point]:
    folder.mkdir()
    products = Products()
    task = ShardTask(
        job_id="job_" + "0" * 32,
        specification=Specification.model_validate(specification),
        first=0,
        count=1,
        weights=None,
        dataset=Path(order["dataset"]),
        folder=folder,
        device=order["device"],
        dense_limit=0,
        memory_budget_bytes=order["budget_bytes"],
        memory_limit_bytes=order["limit_bytes"],
    )
    (point,) = run_shard(task, products)
    return products, point


if __name__ == "__main__":
    main()
