"""A network's loss summed over the whole data set, piece by piece."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.objectives.batches import Batches
from worker.objectives.graphs.graphs import GradientGraph, NetworkLoss
from worker.objectives.graphs.outputs import OutputGraph


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FullBatchLoss:
    """Sums over all samples for batches of any number of runs.

    Attributes:
        loss: The loss on the whole data set.
        batches: Sizes of the pieces of runs and of samples.
    """

    loss: NetworkLoss
    batches: Batches

    @property
    def samples(self) -> int:
        """Size of the data set."""
        return self.loss.x.shape[0]

    def value(self, theta: Tensor) -> Tensor:
        """Sums of the losses, ``(runs,)``."""
        with torch.no_grad():
            return torch.cat(
                [
                    total(chunk.value(part) for chunk in self._chunks())
                    for part in theta.split(self.batches.runs)
                ]
            )

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of losses ``(runs,)`` and of gradients ``(runs, parameters)``."""
        values, gradients = theta.new_empty(len(theta)), torch.empty_like(theta)
        parts = (each.split(self.batches.runs) for each in (theta, values, gradients))
        for part, value, gradient in zip(*parts, strict=True):
            sums = _total_pair(chunk.gradient(part) for chunk in self._chunks())
            value.copy_(sums[0])
            gradient.copy_(sums[1])
        return values, gradients

    def graphs(self, theta: Tensor) -> Iterator[Iterator[GradientGraph]]:
        """Gradient graphs: pieces of runs, and for each its pieces of samples."""
        for part in theta.split(self.batches.runs):
            yield (chunk.graph(part) for chunk in self._chunks())

    def output_graphs(self, theta: Tensor) -> Iterator[Iterator[OutputGraph]]:
        """Graphs of the outputs: pieces of runs, and for each its pieces of samples."""
        for part in theta.split(self.batches.runs):
            yield (chunk.output_graph(part) for chunk in self._chunks())

    def _chunks(self) -> Iterator[NetworkLoss]:
        return self.loss.chunks(self.batches.samples)


def total(terms: Iterable[Tensor]) -> Tensor:
    """The sum of one tensor or more, in their order."""
    iterator = iter(terms)
    result = next(iterator).clone()
    for term in iterator:
        result += term
    return result


def _total_pair(terms: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    iterator = iter(terms)
    value, gradient = next(iterator)
    for more_value, more_gradient in iterator:
        value += more_value
        gradient += more_gradient
    return value, gradient
