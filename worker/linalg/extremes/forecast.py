"""How many products a search for extreme eigenvalues will probably take."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

_ROUNDS = 1.6
"""Products of a whole search beside those of its first round: measured."""


@final
class Forecast:
    """The number of products that each run expects.

    At first it is what searches mostly take. Where a first round takes longer, its end
    is extrapolated from how fast the residuals have fallen. Once it has ended, what a
    search of the complement mostly takes is added.
    """

    def __init__(
        self, like: Tensor, *, usual: int, most: int, state: Mapping[str, Tensor] | None
    ) -> None:
        """Begins, or goes on.

        Args:
            like: One number for each run.
            usual: Products that a search mostly takes.
            most: Products that it takes at most.
            state: What `to_tensors` gave, to go on.
        """
        self._usual = usual
        self._most = most
        fresh = {
            "expected": torch.full_like(like, min(usual, most)),
            "first_look": like.new_full((len(like), 2), torch.nan),
            "first_round": torch.ones_like(like, dtype=torch.bool),
        }
        given = fresh if state is None else state
        self._state = {name: given[name].to(like.device, copy=True) for name in fresh}

    def expected(self, made: int) -> int:
        """Products in all, of the run that expects most, after so many."""
        return min(max(int(self._state["expected"].max()), made + 1), self._most)

    def look(self, runs: Sequence[int], made: int, missing: Tensor) -> None:
        """Takes note of how far some runs have come.

        Args:
            runs: Their numbers.
            made: Products so far.
            missing: Logarithms by which their residuals are too large, ``(k,)``.
        """
        rows = list(runs)
        now = torch.stack([torch.full_like(missing, made), missing], dim=1)
        first = self._state["first_look"][rows]
        first = torch.where(first.isnan(), now, first)
        self._state["first_look"][rows] = first
        if _ROUNDS * made <= self._usual:
            return
        steps, fallen = (now - first).unbind(dim=1)
        left = missing * steps / (-fallen).clamp_min(0)
        end = (made + left).nan_to_num(nan=self._most, posinf=self._most)
        expected = (_ROUNDS * end).clamp(made, self._most)
        self._state["expected"][rows] = torch.where(
            self._state["first_round"][rows], expected, self._state["expected"][rows]
        )

    def end_of_round(self, runs: Sequence[int], made: int) -> None:
        """Takes note of the end of a round of some runs, after so many products."""
        self._state["expected"][list(runs)] = min(_ROUNDS * made, self._most)
        self._state["first_round"][list(runs)] = False

    def end(self, runs: Sequence[int], made: int) -> None:
        """Takes note of the end of some runs, after so many products."""
        self._state["expected"][list(runs)] = made

    def to_tensors(self) -> dict[str, Tensor]:
        """What is known."""
        return dict(self._state)
