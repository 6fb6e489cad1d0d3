"""How much is to be measured, and where."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

Scale = Literal["full", "quick", "tiny"]
"""``quick`` ends within ten minutes on two cores; ``tiny`` only shows that it runs."""

LOCK = Path(tempfile.gettempdir()) / "bench.lock"
"""Held while something is timed, so that two benchmarks do not time each other."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asks for.

    Attributes:
        scale: How much is measured.
        device: A torch device.
        autocrit: A checkout of the public research code, where there is one.
    """

    scale: Scale = "full"
    device: str = "cpu"
    autocrit: Path | None = None
