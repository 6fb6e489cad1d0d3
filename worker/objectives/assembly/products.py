"""The exact Hessian of any network, by products along few directions.

Along the weights of linear layers no products are needed, only along their outputs
(``layer_graphs``): as many as there are outputs, instead of weights. With ``Q_lm`` the
second derivatives by the outputs of layers l and m, ``J_lm`` the derivatives of the
inputs of m by the outputs of l, and ``delta_m`` the slope by the outputs of m, the
Hessian's block of ``W_l[i,k]`` and ``W_m[j,q]``, l before m, sums over the samples
``Q_lm[i,j] a_l[k] a_m[q]`` and ``delta_m[j] a_l[k] J_lm[q,i]``, as for fully connected
networks. Products are made along all other parameters, which are called free.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from worker.objectives.assembly.layer_blocks import LayerBlocks
from worker.objectives.graphs.graphs import NetworkLoss
from worker.objectives.graphs.layers import LayerGraph
from worker.objectives.graphs.sizes import graph_size

_WORKING_BYTES = 32 * 2**20
_LEAST_DIRECTIONS = 16  # at once: for their sake the samples are cut


@final
class ProductAssembly:
    """Forms Hessians of a network's loss summed over a data set."""

    def __init__(self, *, loss: NetworkLoss, budget: int) -> None:
        """Forms nothing yet.

        Args:
            loss: The loss on the whole data set.
            budget: Bytes that may be used beside the Hessians themselves.
        """
        self._loss = loss
        self._working = min(_WORKING_BYTES, budget // 8)
        self._size = graph_size(loss)
        self._maps = loss.linear_maps()
        layered = {name for each in self._maps for name in each.names}
        self._free = [name for name in loss.layout.names if name not in layered]
        self._places = loss.layout.slices

    def __call__(self, theta: Tensor) -> Tensor:
        """Hessians ``(runs, parameters, parameters)`` at ``(runs, parameters)``."""
        hessians = theta.new_zeros(*theta.shape, theta.shape[1])
        parts, results = (each.split(self.together) for each in (theta, hessians))
        for part, formed in zip(parts, results, strict=True):
            self._form(part, formed)
        return hessians

    @property
    def pieces(self) -> int:
        """Pieces of the data set."""
        return -(-len(self._loss.x) // self._samples)

    @property
    def together(self) -> int:
        """Runs in one piece."""
        matrices = 2 * self._loss.layout.parameters**2 * self._loss.x.element_size()
        return max(1, self._working // (self._samples * self._per_sample + matrices))

    @cached_property
    def _samples(self) -> int:
        samples = len(self._loss.x)
        longest = max(1, self._working // self._per_sample)
        return -(-samples // -(-samples // longest))

    @cached_property
    def _per_sample(self) -> int:
        """Bytes of a graph and some directions, or of a layer's derivatives."""
        shapes = dict(
            zip(self._loss.layout.names, self._loss.layout.shapes, strict=True)
        )
        widths = [shapes[each.weight] for each in self._maps]
        rows = max((outputs for outputs, _ in widths), default=0)
        derivatives = rows * sum(map(sum, widths)) * self._loss.x.element_size()
        return max(_LEAST_DIRECTIONS * self._size.bytes(1), derivatives)

    def _form(self, theta: Tensor, hessians: Tensor) -> None:
        """Adds to zeros."""
        named = self._loss.layout.unflatten(theta)
        weights = [named[each.weight] for each in self._maps]
        biases = [each.bias is not None for each in self._maps]
        blocks = LayerBlocks(weights, biases=biases)
        for chunk in self._loss.chunks(self._samples):
            graph = chunk.layer_graph(theta, self._maps, self._free)
            self._add_free(hessians, graph)
            for layer in range(len(self._maps)):
                self._add_layer(blocks, graph, layer)
        blocks.join(hessians, [self._places[each.weight].start for each in self._maps])
        for name in self._free:
            own = hessians[:, self._places[name], self._places[name]]
            own.copy_((own + own.mT) / 2.0)
            rows = hessians[:, self._places[name]]
            hessians[:, :, self._places[name]] = rows.mT.clone()

    def _directions(self, shape: Sequence[int], graph: LayerGraph) -> Iterator[Tensor]:
        """The identity ``(prod(shape), *shape)``, so many directions at once."""
        slope = graph.slopes[0]
        identity = torch.eye(math.prod(shape), dtype=slope.dtype, device=slope.device)
        size = len(slope) * self._size.bytes(self._samples)
        for piece in identity.split(max(1, self._working // size)):
            yield piece.unflatten(1, shape)

    def _add_free(self, hessians: Tensor, graph: LayerGraph) -> None:
        """Adds the rows of free parameters, as far as they are not earlier columns."""
        for number, name in enumerate(self._free):
            start = self._places[name].start
            for directions in self._directions(graph.leaves[number].shape[1:], graph):
                rows = graph.rows(number, directions)
                part = hessians[:, start : start + len(directions)]
                self._add_rows(part, graph, rows)
                start += len(directions)

    def _add_rows(
        self, part: Tensor, graph: LayerGraph, rows: Sequence[Tensor | None]
    ) -> None:
        """Adds to rows ``(runs, count, parameters)`` of the Hessian."""
        free = len(self._free)
        for name, row in zip(self._free, rows[:free], strict=True):
            if row is not None:
                part[:, :, self._places[name]] += row.transpose(0, 1).flatten(2)
        for layer, each in enumerate(self._maps):
            weight = part[:, :, self._places[each.weight]]
            curvature, jacobian = rows[free:][layer], rows[-len(self._maps) :][layer]
            if curvature is not None:
                weight += _over_samples(curvature, graph.inputs[layer]).flatten(2)
                if each.bias is not None:
                    sums = curvature.sum(2).transpose(0, 1)
                    part[:, :, self._places[each.bias]] += sums
            if jacobian is not None:
                slope = graph.slopes[free + layer].detach()
                weight += _over_samples(jacobian, slope).mT.flatten(2)

    def _add_layer(self, blocks: LayerBlocks, graph: LayerGraph, layer: int) -> None:
        """Adds the blocks of a layer's weights with its own and with later ones."""
        free, layers = len(self._free), len(self._maps)
        outputs = graph.leaves[free + layer].shape[2:]
        pieces = [
            graph.rows(free + layer, directions)
            for directions in self._directions(outputs, graph)
        ]
        joined = [_joined(column) for column in zip(*pieces, strict=True)]
        inputs = [each.mT for each in graph.inputs]
        for later in range(layer, layers):
            curvature, jacobian = joined[free + later], joined[free + layers + later]
            if curvature is not None:
                rows = curvature.permute(1, 0, 3, 2)
                if later == layer:
                    blocks.add_corner(layer, rows, inputs[layer])
                else:
                    blocks.add_curvature(
                        layer, later, rows, inputs[layer], inputs[later]
                    )
            if jacobian is not None:
                delta = graph.slopes[free + later].detach().mT
                rows = jacobian.permute(1, 3, 0, 2)
                blocks.add_slope(layer, later, delta, inputs[layer], rows)


def _joined(column: Sequence[Tensor | None]) -> Tensor | None:
    present = [each for each in column if each is not None]
    return torch.cat(present) if present else None


def _over_samples(rows: Tensor, others: Tensor) -> Tensor:
    """Sums of products ``(runs, count, f, g)``.

    Args:
        rows: ``(count, runs, samples, f)``.
        others: ``(runs, samples, g)``.

    Returns:
        What they make together.
    """
    left = rows.permute(1, 0, 3, 2)
    return (left.flatten(1, 2) @ others).unflatten(1, left.shape[1:3])
