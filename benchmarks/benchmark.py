"""What a benchmark is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from matplotlib.figure import Figure

from benchmarks.results import Result
from benchmarks.settings import Settings


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A measurement and its picture.

    Attributes:
        name: For ``--only`` and for the names of files.
        run: Measures.
        plot: Draws what was measured.
    """

    name: str
    run: Callable[[Settings], Result]
    plot: Callable[[Result], Figure]
