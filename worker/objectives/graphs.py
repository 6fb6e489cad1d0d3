"""A network's loss on chunks of a data set, for a batch of parameter vectors.

The forward pass is mapped over the runs, the losses of all runs are summed, and plain
reverse mode differentiates the sum: gradients of all runs come out of one backward
pass, Hessian products of all runs out of a second one through the gradient's graph.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from worker.networks.losses import Loss
from worker.networks.weights import ParameterLayout


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GradientGraph:
    """Gradients of some runs on one chunk of samples, with the graph behind them.

    Attributes:
        theta: The leaf they were taken at, ``(runs, parameters)``.
        value: Sums of the losses over the chunk, ``(runs,)``.
        gradient: Gradients of these sums, ``(runs, parameters)``.
    """

    theta: Tensor
    value: Tensor
    gradient: Tensor

    def product(self, vectors: Tensor) -> Tensor:
        """Hessian products ``(runs, parameters)``; the graph is kept."""
        return self._backward(vectors, batched=False)

    def products(self, vectors: Tensor) -> Tensor:
        """Products of many directions ``(count, runs, parameters)``, of most layers."""
        return self._backward(vectors, batched=True)

    def _backward(self, vectors: Tensor, *, batched: bool) -> Tensor:
        (product,) = torch.autograd.grad(
            self.gradient,
            self.theta,
            vectors,
            retain_graph=True,
            allow_unused=True,
            is_grads_batched=batched,
        )
        return torch.zeros_like(vectors) if product is None else product


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLoss:
    """The sum of a network's losses over samples.

    Attributes:
        module: The network, a template without values.
        layout: Its parameters.
        loss: The loss, summed over samples.
        x: Inputs, ``(n, ...)``.
        y: Targets, ``(n, ...)``.
    """

    module: nn.Module
    layout: ParameterLayout
    loss: Loss
    x: Tensor
    y: Tensor

    def chunks(self, samples: int) -> Iterator["NetworkLoss"]:
        """The same loss on consecutive chunks of the samples."""
        for x, y in zip(self.x.split(samples), self.y.split(samples), strict=True):
            yield NetworkLoss(
                module=self.module, layout=self.layout, loss=self.loss, x=x, y=y
            )

    def value(self, theta: Tensor) -> Tensor:
        """Sums of the losses, ``(runs,)``."""
        named = self.layout.unflatten(theta)
        if theta.shape[0] == 1:  # the map over runs would cost more than it gives
            return self._forward({k: v[0] for k, v in named.items()}).unsqueeze(0)
        return torch.vmap(self._forward)(named)

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of the losses ``(runs,)`` and their gradients ``(runs, parameters)``."""
        leaf = theta.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach(), gradient

    def graph(self, theta: Tensor) -> GradientGraph:
        """Gradients with their graph, ready for products."""
        leaf = theta.detach().requires_grad_()
        with torch.enable_grad():
            value = self.value(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
        return GradientGraph(theta=leaf, value=value.detach(), gradient=gradient)

    def _forward(self, named: dict[str, Tensor]) -> Tensor:
        outputs = torch.func.functional_call(self.module, named, (self.x,))
        return self.loss(outputs, self.y)


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
    note(graph.gradient)
    for known in (theta, loss.x, loss.y):
        storages.pop(known.untyped_storage().data_ptr(), None)
    return sum(storages.values())
