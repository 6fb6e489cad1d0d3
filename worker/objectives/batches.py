"""How runs and samples are cut into pieces that fit caches and the memory budget."""

from dataclasses import dataclass
from typing import final

from worker.objectives.graphs.sizes import GraphSize

# Measured on nets of 128 to 120,000 weights: in much shorter pieces of the samples the
# fixed cost of an operation rules; runs go together while what they share a call with
# stays in the cache.
_PIECE_BYTES = 32 * 2**20
_TOGETHER_BYTES = 8 * 2**20
_LEAST_RUNS = 4  # fewer cost more together than one by one
_DIRECTION_BYTES = 64 * 2**20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """Sizes of the pieces.

    Attributes:
        runs: Runs in one piece.
        samples: Samples in one piece.
        pieces: Pieces of the data set.
        size: Memory of one run's graph.
        budget: Bytes that may be used.
    """

    runs: int
    samples: int
    pieces: int
    size: GraphSize
    budget: int

    @classmethod
    def of(cls, *, samples: int, size: GraphSize, budget: int) -> "Batches":
        """Pieces as large as is fast and as the budget allows: samples before runs."""
        most = min(max(_PIECE_BYTES, 4 * size.fixed), budget // 8)
        length = (most - size.fixed) // size.per_sample
        pieces = -(-samples // max(1, length))
        length = -(-samples // pieces)  # all pieces alike
        together = min(max(_TOGETHER_BYTES, 4 * size.fixed), budget // 8)
        fitting = together // size.bytes(length)
        return cls(
            runs=fitting if fitting >= _LEAST_RUNS else 1,
            samples=length,
            pieces=-(-samples // length),
            size=size,
            budget=budget,
        )

    def keeps(self, runs: int) -> bool:
        """Whether the graphs of so many runs are kept, not recomputed per product."""
        # A search holds the graphs of one iterate while it builds those of the next.
        return self._kept(runs) <= self.budget // 4

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs and of its products."""
        block = min(runs, self.runs) * self.size.bytes(self.samples)
        # Beside its graph a piece needs memory for the pass itself: a rough allowance.
        return 4 * block + (2 * self._kept(runs) if self.keeps(runs) else 0)

    def directions(self, runs: int) -> int:
        """Directions that go through a graph of so many runs at once."""
        size = min(_DIRECTION_BYTES, self.budget // 8)
        return max(1, size // (runs * self.size.bytes(self.samples)))

    def _kept(self, runs: int) -> int:
        return runs * self.pieces * self.size.bytes(self.samples)
