"""Peak memory of this process, or of what it holds on a GPU."""

import gc
import re
from pathlib import Path

import torch


def begin(device: str) -> int:
    """Lets the peak begin anew.

    Args:
        device: A torch device.

    Returns:
        Bytes that are held now.
    """
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def peak(device: str) -> int:
    """Bytes at the peak since then."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    return _resident("VmHWM")


def _resident(name: str) -> int:
    """Of this process alone; ``ru_maxrss`` would begin at the parent's size."""
    status = Path("/proc/self/status").read_text()
    (kibibytes,) = re.findall(rf"{name}:\s+(\d+) kB", status)
    return 1024 * int(kibibytes)
