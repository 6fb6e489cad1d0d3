"""Whether a search of the complement of some Ritz vectors has missed anything.

It is by the identity ``|p(H) r| = prod beta_j`` for the start ``r`` of a round of
Lanczos, the couplings ``beta_j`` and the monic polynomial ``p`` whose zeros are the
Ritz values. An eigenvalue ``mu`` beyond the wanted ones would have at most the
component ``prod beta_j / |p(mu)|`` in ``r``, and so small a component in a given
direction is improbable for a random vector: see J. Kuczynski and H. Wozniakowski,
Estimating the largest eigenvalue by the power and Lanczos algorithms with a random
start, SIAM J. Matrix Anal. Appl. 13 (1992) 1094-1122, for the idea.
"""

import math
from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

MISSED = 1e-3
"""Probability that a complete search has missed an eigenvalue at one of its ends."""


@final
class Complement:
    """What the present round of every run tells of its complement.

    The wanted values, smallest and then largest, are those that the round began with.
    """

    def __init__(
        self,
        like: Tensor,
        *,
        lowest: int,
        highest: int,
        state: Mapping[str, Tensor] | None,
    ) -> None:
        """Begins, with no wanted value known, or goes on.

        Args:
            like: Vectors, ``(runs, size)``.
            lowest: How many of the smallest are wanted.
            highest: How many of the largest.
            state: What `to_tensors` gave, to go on.
        """
        runs, self._size = like.shape
        self._lowest = lowest
        fresh = {
            "reference": like.new_full((runs, lowest + highest), torch.nan),
            "reach": like.new_zeros(runs, 2 if lowest else 1),
        }
        given = fresh if state is None else state
        self._state = {name: given[name].to(like.device, copy=True) for name in fresh}

    def begin(self, runs: Sequence[int], wanted: Tensor) -> None:
        """Begins a round of some runs anew, beside wanted values ``(k, count)``."""
        self._state["reference"][list(runs)] = wanted
        self._state["reach"][list(runs)] = 0

    def step(self, beta: Tensor) -> None:
        """Takes note of the couplings of a step, ``(runs,)``."""
        self._state["reach"] += beta[:, None].log()

    def drop(self, runs: Sequence[int], values: Tensor, limit: Tensor) -> None:
        """Takes note of Ritz values that some runs give up.

        Args:
            runs: Their numbers.
            values: The Ritz values, ``(k, dropped)``.
            limit: How close values count as the same, ``(k,)``.
        """
        self._state["reach"][list(runs)] -= self._distances(runs, values, limit)

    def same(
        self, runs: Sequence[int], wanted: Tensor, limit: Tensor, certain: Tensor
    ) -> Tensor:
        """Whether the wanted values are still those of the beginning.

        Args:
            runs: Numbers of runs.
            wanted: The values, ``(k, count)``.
            limit: How close values count as the same, ``(k,)``.
            certain: Whether the smallest need not be the same, ``(k,)`` bool.

        Returns:
            ``(k,)`` bool.
        """
        same = (wanted - self._state["reference"][list(runs)]).abs() <= limit[:, None]
        same[:, : self._lowest] |= certain[:, None]
        return same.all(dim=1)

    def log_chance(
        self, runs: Sequence[int], values: Tensor, limit: Tensor, certain: Tensor
    ) -> Tensor:
        """Of an eigenvalue beyond the wanted ones that has not been seen.

        Args:
            runs: Numbers of runs.
            values: Their Ritz values, ``(k, filled)``.
            limit: How close values count as the same, ``(k,)``.
            certain: Whether none is below the smallest, ``(k,)`` bool.

        Returns:
            Logarithms of the probabilities at the less certain ends, ``(k,)``.
        """
        rows = list(runs)
        reference = self._state["reference"][rows]
        component = (
            self._state["reach"][rows]
            - self._distances(rows, values, limit)
            + self._distances(rows, reference, limit)
        )
        if self._lowest:
            component[certain, 0] = -torch.inf
        return component.amax(dim=1) + 0.5 * math.log(2 * self._size / math.pi)

    def to_tensors(self) -> dict[str, Tensor]:
        """What is known."""
        return dict(self._state)

    def _distances(self, runs: Sequence[int], values: Tensor, limit: Tensor) -> Tensor:
        """Sums of log-distances from just within the ends of the wanted values."""
        reference = self._state["reference"][list(runs)]
        edges = [reference[:, self._lowest] + limit]
        if self._lowest:
            edges.insert(0, reference[:, self._lowest - 1] - limit)
        ends = torch.stack(edges, dim=1)
        return (values[:, None] - ends[:, :, None]).abs().log().sum(dim=2)
