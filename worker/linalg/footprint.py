"""How much memory a computation takes, and how many runs of it fit a budget."""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Peak memory of a batch, the objective's own apart.

    Attributes:
        once: Bytes, whatever the number of runs.
        per_run: Bytes for each run.
    """

    once: int
    per_run: int

    @classmethod
    def of(
        cls,
        *,
        size: int,
        item: int,
        vectors: int,
        matrices: int = 0,
        shared_matrices: int = 0,
    ) -> "Footprint":
        """The footprint of so many vectors and matrices for each run.

        Args:
            size: Length of a vector, order of a matrix.
            item: Bytes of a number.
            vectors: For each run.
            matrices: For each run.
            shared_matrices: Whatever the number of runs, work space for example.

        Returns:
            The footprint.
        """
        return cls(
            once=shared_matrices * size**2 * item,
            per_run=(vectors * size + matrices * size**2) * item,
        )

    def bytes(self, runs: int) -> int:
        """Of so many runs."""
        return self.once + runs * self.per_run

    def runs(self, budget: int) -> int:
        """How many fit a budget, one at least."""
        return max(1, (budget - self.once) // self.per_run)
