"""What a benchmark ran on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.results import Row

_PACKAGES = (
    "gradflat",
    "torch",
    "numpy",
    "scipy",
    "autograd",
    "curvlinops-for-pytorch",
)


def environment(device: str) -> Row:
    """Machine, versions, threads, and how busy the machine was."""
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": device,
        "gpu": gpu,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
