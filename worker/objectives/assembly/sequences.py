"""The exact Hessian of a sequence of known layers, from tangents of its values.

With ``t_l`` the derivatives of layer l's inputs by all parameters before it, carried
forward layer by layer, the Hessian of a summed loss is

    ``sum_l (t_l, dw_l)^T [second derivative of slope_l . layer_l] (t_l, dw_l)``

and the loss's own term, where ``slope_l`` is the derivative of the loss by the outputs
of the layer. Pointwise layers give weighted products of tangents with themselves,
affine ones products of tangents and slopes: few large matrix products, and symmetric.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from worker.networks.losses import LOSSES
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly.stages import Named, Passage, Stage
from worker.objectives.assembly.tangents import Tangents
from worker.objectives.work import work_of

# Of all that is computed from one piece of the samples: several times what is alive
# at once. Chosen on small convolutional networks.
_CREATED_BYTES = 128 * 2**20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two ways for the same inputs, whose outputs are added.

    Attributes:
        layers: One.
        shortcut: The other; none is the identity.
    """

    layers: Sequence["Stage | Fork"]
    shortcut: Sequence["Stage | Fork"]


Node = Stage | Fork


@final
class SequenceAssembly:
    """Forms Hessians of a network's loss summed over a data set."""

    def __init__(
        self,
        *,
        nodes: Sequence[Node],
        layout: ParameterLayout,
        loss: str,
        x: Tensor,
        y: Tensor,
        budget: int,
    ) -> None:
        """Computes nothing yet.

        Args:
            nodes: The network's layers.
            layout: Its parameters.
            loss: ``mse`` or ``cross_entropy``.
            x: Inputs, ``(n, features)``.
            y: Targets, ``(n, features)``, or integer classes ``(n,)``.
            budget: Bytes that may be used beside the Hessians themselves.
        """
        self._nodes = nodes
        self._layout = layout
        self._loss = loss
        self._x = x
        self._y = y
        self._budget = budget
        numbers = torch.arange(layout.parameters, device=x.device)
        shaped = layout.unflatten(numbers[None])
        order = _order(nodes, {name: each[0] for name, each in shaped.items()})
        self._places = torch.argsort(torch.cat(order))

    def __call__(self, theta: Tensor) -> Tensor:
        """Hessians ``(runs, parameters, parameters)`` at ``(runs, parameters)``."""
        xs, ys = (each.split(self._samples) for each in (self._x, self._y))
        hessians = theta.new_empty(*theta.shape, theta.shape[1])
        for run, hessian in zip(theta, hessians, strict=True):
            upper = run.new_zeros(len(run), len(run))
            for x, y in zip(xs, ys, strict=True):
                self._add(upper, run, x, y)
            lower = upper.triu_().mT
            upper.add_(torch.tril(lower, diagonal=-1))
            columns = self._places.expand_as(hessian)
            torch.gather(upper[self._places], 1, columns, out=hessian)
        return hessians

    @property
    def pieces(self) -> int:
        """Pieces of the data set."""
        return -(-len(self._x) // self._samples)

    @property
    def together(self) -> int:
        """Runs in one piece."""
        return 1

    @cached_property
    def _samples(self) -> int:
        """Samples in one piece: so many that caches and the budget hold them."""
        run = self._x.new_zeros(self._layout.parameters)
        hessian = run.new_zeros(len(run), len(run))
        one, two = (
            work_of(lambda n=n: self._add(hessian, run, self._x[:n], self._y[:n])).bytes
            for n in (1, 2)
        )
        longest = min(_CREATED_BYTES, self._budget // 4) // max(1, int(two - one))
        samples = len(self._x)
        return -(-samples // -(-samples // max(1, longest)))

    def _add(self, hessian: Tensor, run: Tensor, x: Tensor, y: Tensor) -> None:
        named = {k: v[0] for k, v in self._layout.unflatten(run[None]).items()}
        tape: list[tuple[Tensor, Tensor]] = []
        with torch.enable_grad():
            features = x.T.contiguous().requires_grad_()
            outputs = _run(self._nodes, features, named, tape)
            value = LOSSES[self._loss](outputs.T, y)
            slopes = torch.autograd.grad(value, [after for _, after in tape])
        passages = iter(
            Passage(inputs=before.detach(), slope=slope, named=named)
            for (before, _), slope in zip(tape, slopes, strict=True)
        )
        tangents = _advance(self._nodes, passages, Tangents.none(features), hessian)
        _add_loss(self._loss, hessian, outputs.detach(), tangents)


def _order(nodes: Sequence[Node], numbers: Named) -> list[Tensor]:
    orders: list[Tensor] = []
    for node in nodes:
        if isinstance(node, Fork):
            orders += _order(node.layers, numbers) + _order(node.shortcut, numbers)
        else:
            orders.append(node.order(numbers))
    return orders


def _run(
    nodes: Sequence[Node],
    values: Tensor,
    named: Named,
    tape: list[tuple[Tensor, Tensor]],
) -> Tensor:
    """Outputs; notes the inputs and outputs of every layer in their order."""
    for node in nodes:
        if isinstance(node, Fork):
            one = _run(node.layers, values, named, tape)
            values = one + _run(node.shortcut, values, named, tape)
        else:
            inputs, values = values, node.outputs(values, named)
            tape.append((inputs, values))
    return values


def _advance(
    nodes: Sequence[Node],
    passages: Iterator[Passage],
    tangents: Tangents,
    hessian: Tensor,
) -> Tangents:
    """Tangents of the outputs; adds the curvature of every layer."""
    for node in nodes:
        if isinstance(node, Fork):
            start = tangents.spread()
            one = _advance(node.layers, passages, start, hessian).spread()
            start = _pad(start, one.before)
            other = _advance(node.shortcut, passages, start, hessian).spread()
            one = _pad(one, other.before)
            tangents = Tangents(dense=one.dense + other.dense, own=other.own, groups=1)
        else:
            tangents = node.advance(next(passages), tangents, hessian)
    return tangents


def _pad(tangents: Tangents, directions: int) -> Tangents:
    """With zeros along later parameters."""
    dense = tangents.dense
    zeros = dense.new_zeros(directions - len(dense), *dense.shape[1:])
    return Tangents(dense=torch.cat([dense, zeros]), own=tangents.own, groups=1)


def _add_loss(loss: str, hessian: Tensor, outputs: Tensor, tangents: Tangents) -> None:
    if loss == "mse":
        weights = torch.full_like(outputs, 2.0 / len(outputs))
        tangents.add_weighted(hessian, weights)
        return
    probabilities = outputs.softmax(0)
    tangents.add_weighted(hessian, probabilities)
    means = tangents.contract(probabilities)
    hessian.addmm_(means, means.mT, alpha=-1.0)
