"""A network's loss on chunks of a data set, for a batch of parameter vectors.

The forward pass is mapped over the runs, the losses of all runs are summed, and plain
reverse mode differentiates the sum: gradients of all runs come out of one backward
pass, Hessian products of all runs out of a second one through the gradient's graph.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor, nn

from worker.networks.losses import Loss
from worker.networks.weights import ParameterLayout
from worker.objectives.output_graphs import OutputGraph


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GradientGraph:
    """Gradients of some runs on one chunk of samples, with the graph behind them.

    Attributes:
        layout: The parameters.
        leaves: The tensors that the gradients were taken at, ``(runs, *shape)``.
        value: Sums of the losses over the chunk, ``(runs,)``.
        gradients: Gradients of these sums, one for each leaf.
    """

    layout: ParameterLayout
    leaves: Sequence[Tensor]
    value: Tensor
    gradients: Sequence[Tensor]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.value)

    @property
    def gradient(self) -> Tensor:
        """Gradients, ``(runs, parameters)``."""
        return _joined([gradient.detach() for gradient in self.gradients], ndim=2)

    def product(self, vectors: Tensor) -> Tensor:
        """Hessian products ``(runs, parameters)``; the graph is kept."""
        named = self.layout.unflatten(vectors)
        pairs = [
            pair
            for pair in zip(self.gradients, named.values(), strict=True)
            if pair[0].requires_grad
        ]
        if not pairs:
            return torch.zeros_like(vectors)
        products = torch.autograd.grad(
            [gradient for gradient, _ in pairs],
            self.leaves,
            [vector for _, vector in pairs],
            retain_graph=True,
            materialize_grads=True,
        )
        return _joined(products, ndim=2)

    def rows(self, tensor: int, directions: Tensor) -> Tensor:
        """Products with directions within one tensor, as far as they are needed.

        A symmetric matrix is known by its upper triangle, and only the layers from this
        one on take part in it.

        Args:
            tensor: Number of the tensor in the layout.
            directions: The same for every run, ``(count, *shape)``.

        Returns:
            ``(count, runs, parameters from this tensor on)``.

        Raises:
            OutOfMemoryError: If the directions do not fit the device together.
        """
        gradient, leaves = self.gradients[tensor], self.leaves[tensor:]
        if not gradient.requires_grad:
            rest = sum(self.layout.sizes[tensor:])
            return directions.new_zeros(len(directions), self.runs, rest)
        vectors = directions.unsqueeze(1).expand(-1, *gradient.shape)
        if len(vectors) > 1:
            try:
                return _joined(
                    _backward(gradient, leaves, vectors, batched=True), ndim=3
                )
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                pass  # a layer that takes directions one by one
        return torch.stack(
            [
                _joined(_backward(gradient, leaves, vector, batched=False), ndim=2)
                for vector in vectors
            ]
        )


def _backward(
    gradient: Tensor, leaves: Sequence[Tensor], vectors: Tensor, *, batched: bool
) -> Sequence[Tensor]:
    products = torch.autograd.grad(
        gradient,
        leaves,
        vectors,
        retain_graph=True,
        is_grads_batched=batched,
        allow_unused=True,
    )
    count = vectors.shape[:1] if batched else ()
    return [
        leaf.new_zeros(*count, *leaf.shape) if product is None else product
        for leaf, product in zip(leaves, products, strict=True)
    ]


def _joined(tensors: Sequence[Tensor], *, ndim: int) -> Tensor:
    """One tensor of so many dimensions, the last made of all that the parts have."""
    return torch.cat([tensor.flatten(ndim - 1) for tensor in tensors], dim=-1)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkLoss:
    """The sum of a network's losses over samples.

    Attributes:
        module: The network, a template without values.
        curved: The same, for graphs that are kept.
        layout: Its parameters.
        loss: The loss, summed over samples.
        x: Inputs, ``(n, ...)``.
        y: Targets, ``(n, ...)``.
    """

    module: nn.Module
    curved: nn.Module
    layout: ParameterLayout
    loss: Loss
    x: Tensor
    y: Tensor

    def chunks(self, samples: int) -> Iterator["NetworkLoss"]:
        """The same loss on consecutive chunks of the samples."""
        for x, y in zip(self.x.split(samples), self.y.split(samples), strict=True):
            yield replace(self, x=x, y=y)

    def value(self, theta: Tensor) -> Tensor:
        """Sums of the losses, ``(runs,)``."""
        return self._values(self.module, self.layout.unflatten(theta))

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of the losses ``(runs,)`` and their gradients ``(runs, parameters)``."""
        graph = self._graph(theta, kept=False)
        return graph.value, graph.gradient

    def graph(self, theta: Tensor) -> GradientGraph:
        """Gradients with their graph, ready for products."""
        return self._graph(theta, kept=True)

    def outputs(self, theta: Tensor) -> Tensor:
        """Outputs of every run, ``(runs, n, ...)``."""
        named = self.layout.unflatten(theta)
        with torch.no_grad():
            return self._mapped(self.module, named, lambda outputs: outputs)

    def output_graph(self, theta: Tensor) -> OutputGraph:
        """Outputs with their graph, ready for products of the Gauss-Newton matrix."""
        leaves = self._leaves(theta)
        with torch.enable_grad():
            outputs = self._mapped(self.curved, leaves, lambda outputs: outputs)
            return OutputGraph.of(self.layout, list(leaves.values()), outputs)

    def _leaves(self, theta: Tensor) -> dict[str, Tensor]:
        named = self.layout.unflatten(theta.detach())
        return {name: value.requires_grad_() for name, value in named.items()}

    def _graph(self, theta: Tensor, *, kept: bool) -> GradientGraph:
        leaves = self._leaves(theta)
        with torch.enable_grad():
            value = self._values(self.curved if kept else self.module, leaves)
            gradients = torch.autograd.grad(
                value.sum(),
                list(leaves.values()),
                create_graph=kept,
                allow_unused=True,
                materialize_grads=True,
            )
        return GradientGraph(
            layout=self.layout,
            leaves=list(leaves.values()),
            value=value.detach(),
            gradients=gradients,
        )

    def _values(self, module: nn.Module, named: dict[str, Tensor]) -> Tensor:
        return self._mapped(module, named, lambda outputs: self.loss(outputs, self.y))

    def _mapped(
        self,
        module: nn.Module,
        named: dict[str, Tensor],
        then: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """What is made of the outputs of every run, ``(runs, ...)``."""

        def forward(single: dict[str, Tensor]) -> Tensor:
            return then(torch.func.functional_call(module, single, (self.x,)))

        runs = len(next(iter(named.values())))
        if runs == 1:  # the map over runs would cost more than it gives
            return forward({k: v[0] for k, v in named.items()}).unsqueeze(0)
        return torch.vmap(forward)(named)


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
