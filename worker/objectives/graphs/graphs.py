"""A network's loss on chunks of a data set, for a batch of parameter vectors.

The forward pass is mapped over the runs, the losses of all runs are summed, and plain
reverse mode differentiates the sum: gradients of all runs come out of one backward
pass, Hessian products of all runs out of a second one through the gradient's graph.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from worker.networks.losses import Loss
from worker.networks.weights import ParameterLayout
from worker.objectives.graphs.layers import LayerGraph
from worker.objectives.graphs.linear_maps import LinearCalls, LinearMap
from worker.objectives.graphs.outputs import OutputGraph

_Made = TypeVar("_Made")


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

    def linear_maps(self) -> list[LinearMap]:
        """Linear maps of vectors, whose parameters do nothing else, as they follow."""
        few = next(self.chunks(2))
        zeros = self.layout.unflatten(few.x.new_zeros(1, self.layout.parameters))
        named = {name: each[0] for name, each in zeros.items()}
        with torch.no_grad(), LinearCalls(named, {}) as calls:
            torch.func.functional_call(few.module, named, (few.x,))
        return [
            each
            for each, inputs in calls.alone().items()
            if len(inputs) == len(few.x) and self.layout.follows(*each.names)
        ]

    def layer_graph(
        self, theta: Tensor, maps: Sequence[LinearMap], free: Sequence[str]
    ) -> LayerGraph:
        """Gradients by the outputs of layers, and by the other parameters.

        Args:
            theta: Points, ``(runs, parameters)``.
            maps: The layers.
            free: Names of the other parameters.

        Returns:
            The gradients with their graph.
        """
        named = self.layout.unflatten(theta.detach())
        leaves = [named[name].requires_grad_() for name in free]
        shifts = {
            each.weight: theta.new_zeros(
                len(theta), len(self.x), named[each.weight].shape[1], requires_grad=True
            )
            for each in maps
        }

        def forward(
            single: dict[str, Tensor], shift: dict[str, Tensor]
        ) -> tuple[Tensor, list[Tensor]]:
            with LinearCalls(single, shift) as calls:
                outputs = torch.func.functional_call(self.curved, single, (self.x,))
                value = self.loss(outputs, self.y)
            return value, [calls.inputs[each] for each in maps]

        with torch.enable_grad():
            value, inputs = _over_runs(forward, named, shifts)
            return LayerGraph.of(value, [*leaves, *shifts.values()], inputs)

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

        return _over_runs(forward, named)


def _over_runs(forward: Callable[..., _Made], *batches: dict[str, Tensor]) -> _Made:
    """What a function makes of the tensors of every run."""
    runs = len(next(iter(batches[0].values())))
    if runs == 1:  # the map over runs would cost more than it gives
        singles = tree_map(lambda each: each[0], batches)
        return tree_map(lambda each: each.unsqueeze(0), forward(*singles))
    return torch.vmap(forward)(*batches)
