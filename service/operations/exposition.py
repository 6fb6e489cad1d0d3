"""Metrics as text, in the format that Prometheus reads (version 0.0.4)."""

from collections.abc import Iterable, Mapping
from typing import Literal, final

MEDIA_TYPE = "text/plain; version=0.0.4"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Samples = Iterable[tuple[Mapping[str, str], float]]
"""Labels and a value each."""


@final
class Exposition:
    """A page of metrics in the making."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(
        self, name: str, kind: Literal["counter", "gauge"], about: str, samples: Samples
    ) -> None:
        """Adds a family of samples.

        Args:
            name: With its unit, and `_total` for counters.
            kind: Whether it only grows.
            about: One line.
            samples: Labels and values.
        """
        self._begin(name, kind, about)
        for labels, value in samples:
            self._sample(name, labels, value)

    def add_histogram(
        self,
        name: str,
        about: str,
        bounds: Iterable[float],
        counts: Mapping[tuple[tuple[str, str], ...], "Histogram"],
    ) -> None:
        """Adds a family of histograms, by their labels.

        Args:
            name: With its unit.
            about: One line.
            bounds: Upper bounds of the buckets, ascending, without infinity.
            counts: A histogram for each set of labels.
        """
        self._begin(name, "histogram", about)
        for key, histogram in counts.items():
            labels = dict(key)
            reached = 0
            edges = [*map(str, bounds), "+Inf"]
            for edge, count in zip(edges, histogram.counts, strict=True):
                reached += count
                self._sample(f"{name}_bucket", {**labels, "le": edge}, reached)
            self._sample(f"{name}_sum", labels, histogram.total)
            self._sample(f"{name}_count", labels, reached)

    def text(self) -> str:
        """The page."""
        return "\n".join(self._lines) + "\n"

    def _begin(self, name: str, kind: str, about: str) -> None:
        self._lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]

    def _sample(self, name: str, labels: Mapping[str, str], value: float) -> None:
        inside = ",".join(f'{k}="{v.translate(_ESCAPES)}"' for k, v in labels.items())
        shown = f"{name}{{{inside}}}" if inside else name
        self._lines.append(f"{shown} {value:.17g}")


@final
class Histogram:
    """How many values lay up to each bound, and the sum of all.

    Attributes:
        counts: For each bucket alone, the last for what lies beyond all bounds.
        total: Of the values.
    """

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.total = 0.0

    def observe(self, value: float, bounds: tuple[float, ...]) -> None:
        """Counts a value."""
        place = next((i for i, it in enumerate(bounds) if value <= it), len(bounds))
        self.counts[place] += 1
        self.total += value
