"""Memory of a process, as the kernel counts it."""

import re
from pathlib import Path


def peak_mib(pid: int | str = "self") -> float:
    """The largest resident size that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
