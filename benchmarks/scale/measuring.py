"""The benchmark of scale."""

import tempfile
from pathlib import Path

import torch

from benchmarks.results import Result, Row, Table, Target
from benchmarks.scale.images import FILE_ID, write_images
from benchmarks.scale.jobs import SIZES, request
from benchmarks.settings import Settings
from benchmarks.shards import measured, specification
from benchmarks.stopwatch import alone
from service.operations.limits import limits
from service.resolution.files import FileSummary
from service.resolution.resolution import resolve
from service.schemas.jobs import JobRequest
from service.settings import Settings as ServiceSettings

_MIB = 2**20
_WITHIN = 1.5
_READING = (
    "peak: growth of the process (or of what it holds on the GPU) at the peak of the"
    " whole job, checkpoints included; estimate: what POST /v1/jobs/validate states"
)


def run(settings: Settings) -> Result:
    """Computes one spectrum in a process of its own."""
    size = SIZES[settings.scale]
    with alone(settings), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.safetensors"
        row = _measure(request(size), path, write_images(path, size.samples), settings)
    ratio = float(row["peak_mib"] or 0.0) / float(row["estimate_mib"] or 1.0)
    return Result(
        name="scale",
        title="the spectrum of a large network, in single precision",
        tables=[Table(title="Convolution, two linear layers; 32 x 32", rows=[row])],
        targets=[
            Target(
                name="peak memory over the estimate",
                wanted=_WITHIN,
                measured=ratio,
                at_most=True,
            )
        ],
        notes=[_READING],
        series={},
    )


def _measure(
    job: JobRequest, dataset: Path, summary: FileSummary, settings: Settings
) -> Row:
    service = ServiceSettings()
    resolution = resolve(job, {FILE_ID: summary}, limits(service))
    if resolution.resolved is None or resolution.estimate is None:
        raise ValueError(resolution.findings)
    estimate = resolution.estimate
    order = {
        "specification": specification(job),
        "warm_up": specification(request(SIZES["tiny"])),
        "dataset": str(dataset),
        "budget_bytes": service.memory_budget_bytes,
        "limit_bytes": service.memory_limit_bytes,
        "device": settings.device,
        "threads": torch.get_num_threads(),
    }
    found = measured("benchmarks.scale.shard_process", order)
    taken = found.pop("peak_bytes")
    return {
        "parameters": estimate.parameters,
        "samples": estimate.samples,
        **found,
        "peak_mib": taken / _MIB,
        "estimate_mib": estimate.memory_bytes / _MIB,
    }
