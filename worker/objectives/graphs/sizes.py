"""Memory of gradient graphs, from what small ones were seen to save."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.objectives.graphs.graphs import NetworkLoss


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSize:
    """Memory that one run's gradient graph holds.

    Attributes:
        fixed: Bytes for each chunk, whatever its length.
        per_sample: Bytes for each sample.
    """

    fixed: int
    per_sample: int

    def bytes(self, samples: int) -> int:
        """Of a chunk with so many samples."""
        return self.fixed + samples * self.per_sample


def graph_size(loss: NetworkLoss) -> GraphSize:
    """Memory of a gradient graph, from what two small graphs were seen to save."""
    samples = loss.x.shape[0]
    few = _saved_bytes(next(loss.chunks(1)))
    if samples == 1:
        return GraphSize(fixed=0, per_sample=few)
    more = _saved_bytes(next(loss.chunks(min(samples, 9))))
    slope = math.ceil((more - few) / (min(samples, 9) - 1))
    return GraphSize(fixed=max(0, few - slope), per_sample=max(1, slope))


def _saved_bytes(loss: NetworkLoss) -> int:
    """Bytes of the storages that a graph keeps alive, beside data and parameters."""
    theta = loss.x.new_zeros(1, loss.layout.parameters)
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        graph = loss.graph(theta)
    for gradient in graph.gradients:
        note(gradient)
    for known in (theta, loss.x, loss.y):
        storages.pop(known.untyped_storage().data_ptr(), None)
    return sum(storages.values())
