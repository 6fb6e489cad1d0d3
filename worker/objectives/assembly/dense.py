"""The exact Hessian of a fully connected network, assembled from per-sample pieces.

With ``z_l = W_l a_l + u_l`` and ``a_{l+1} = phi(z_l)``, layers counted from zero, let
per sample ``delta_l = dL/du_l``, ``Q_lm = d2L/du_l du_m``, ``J_lm = d a_m / d u_l``:

- ``delta_l = phi'(z_l) * W_{l+1}^T delta_{l+1}``,
- ``Q_lm = phi'(z_l) * W_{l+1}^T Q_{l+1,m}`` for ``l < m``,
- ``Q_ll = Q_{l,l+1} W_{l+1} * phi'(z_l) + diag(phi''(z_l) * W_{l+1}^T delta_{l+1})``.

The Hessian's block of ``W_l[i,k]`` and ``W_m[j,q]``, ``l <= m``, sums over the samples
``Q_lm[i,j] a_l[k] a_m[q]`` and, for ``l < m``, ``delta_m[j] a_l[k] J_lm[q,i]``. Each is
one matrix product: ``n P^2`` multiplications in all, instead of P Hessian products.
Biases are columns of ``W_l`` with the input one. Samples come last in every tensor,
runs first.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from torch import Tensor
from torch.nn import functional

from worker.networks.activations import ACTIVATIONS
from worker.networks.architectures import DenseLayer
from worker.networks.weights import ParameterLayout
from worker.objectives.assembly.layer_blocks import LayerBlocks

_CACHE_BYTES = 2 * 2**20  # working set of a pair of layers


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DenseAssembly:
    """Forms Hessians of a network's loss summed over a data set.

    Attributes:
        layers: The network's layers.
        layout: Its parameters, layer by layer, the weight before the bias.
        loss: ``mse`` or ``cross_entropy``.
        x: Inputs, ``(n, sizes[0])``.
        y: Targets, ``(n, sizes[-1])``, or integer classes ``(n,)``.
        budget: Bytes that may be used beside the Hessians themselves.
    """

    layers: Sequence[DenseLayer]
    layout: ParameterLayout
    loss: str
    x: Tensor
    y: Tensor
    budget: int

    def __call__(self, theta: Tensor) -> Tensor:
        """Hessians ``(runs, parameters, parameters)`` at ``(runs, parameters)``."""
        hessians = theta.new_empty(*theta.shape, theta.shape[1])
        slices = self.layout.slices
        offsets = [slices[layer.weight].start for layer in self.layers]
        parts, results = (each.split(self.together) for each in (theta, hessians))
        for part, formed in zip(parts, results, strict=True):
            self._form(part).join(formed, offsets)
        return hessians

    @property
    def pieces(self) -> int:
        """Pieces of the data set."""
        return -(-len(self.x) // self._samples)

    @property
    def together(self) -> int:
        """Runs in one piece."""
        matrices = 2 * self.layout.parameters**2 * self.x.dtype.itemsize
        working = min(2 * _CACHE_BYTES, self.budget // 2)
        return max(1, working // (self._samples * self._per_sample + matrices))

    @property
    def _samples(self) -> int:
        return min(len(self.x), max(16, _CACHE_BYTES // self._per_sample))

    @property
    def _per_sample(self) -> int:
        widest = max(itertools.chain(*self.layout.shapes)) + 1
        return 2 * widest * widest * self.x.dtype.itemsize

    def _form(self, theta: Tensor) -> LayerBlocks:
        named = self.layout.unflatten(theta)
        weights = [named[layer.weight] for layer in self.layers]
        biases = [
            None if layer.bias is None else named[layer.bias].unsqueeze(2)
            for layer in self.layers
        ]
        activations = [layer.activation for layer in self.layers]
        blocks = LayerBlocks(weights, biases=[bias is not None for bias in biases])
        xs, ys = (each.split(self._samples) for each in (self.x, self.y))
        for x, y in zip(xs, ys, strict=True):
            at = _propagate(weights, biases, x, activations)
            if self.loss == "mse":
                slope, curvature = _mse(at.outputs, y)
            else:
                slope, curvature = _cross_entropy(at.outputs, y)
            backward = _backpropagate(weights, at, slope)
            _add_curvatures(blocks, weights, at, backward, curvature)
            _add_slopes(blocks, weights, at, backward)
        return blocks


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Forward:
    """Values and derivatives along the forward pass.

    Attributes:
        inputs: ``a_l`` of every layer, ``(runs, k, samples)``.
        first: ``phi'(z_l)`` of every layer but the last, ``(runs, p, samples)``.
        second: ``phi''(z_l)``, likewise.
        outputs: The last ``z_l``.
    """

    inputs: list[Tensor]
    first: list[Tensor]
    second: list[Tensor]
    outputs: Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Backward:
    """Derivatives of the loss along the backward pass.

    Attributes:
        deltas: ``delta_l`` of every layer, ``(runs, p, samples)``.
        pulled: ``W_{l+1}^T delta_{l+1}`` of every layer but the last.
    """

    deltas: list[Tensor]
    pulled: list[Tensor]


def _propagate(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor | None],
    x: Tensor,
    activations: Sequence[str],
) -> _Forward:
    inputs = [x.T.expand(weights[0].shape[0], -1, -1)]
    first: list[Tensor] = []
    second: list[Tensor] = []
    outputs = inputs[0]
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if i > 0:
            activation = ACTIVATIONS[activations[i - 1]]
            slopes, bends = activation.derivatives(outputs)
            first.append(slopes)
            second.append(bends)
            inputs.append(activation.module()(outputs))
        outputs = weight @ inputs[-1]
        outputs = outputs if bias is None else outputs + bias
    return _Forward(inputs=inputs, first=first, second=second, outputs=outputs)


def _backpropagate(weights: Sequence[Tensor], at: _Forward, slope: Tensor) -> _Backward:
    deltas, pulled = [slope], list[Tensor]()
    for weight, first in zip(reversed(weights[1:]), reversed(at.first), strict=True):
        pulled.append(weight.mT @ deltas[-1])
        deltas.append(first * pulled[-1])
    return _Backward(deltas=deltas[::-1], pulled=pulled[::-1])


def _mse(outputs: Tensor, y: Tensor) -> tuple[Tensor, float]:
    """Slope ``(runs, p, samples)``; a curvature that is this multiple of identity."""
    scale = 2.0 / outputs.shape[1]
    return scale * (outputs - y.T), scale


def _cross_entropy(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Slope ``(runs, p, samples)`` and curvature ``(runs, p, p, samples)``."""
    probabilities = outputs.softmax(1)
    classes = functional.one_hot(y, outputs.shape[1]).T
    curvature = -probabilities.unsqueeze(2) * probabilities.unsqueeze(1)
    curvature.diagonal(dim1=1, dim2=2).add_(probabilities.mT)
    return probabilities - classes, curvature


def _add_curvatures(
    blocks: LayerBlocks,
    weights: Sequence[Tensor],
    at: _Forward,
    backward: _Backward,
    curvature: Tensor | float,
) -> None:
    """Adds ``Q_lm[i,j] a_l[k] a_m[q]`` for all ``l <= m``, column by column."""
    last = len(weights) - 1
    corner = curvature
    for m in range(last, -1, -1):
        if isinstance(corner, Tensor):
            blocks.add_corner(m, corner, at.inputs[m])
        else:
            blocks.add_identity(m, corner, at.inputs[m])
        if m == 0:
            return
        column = _pull(weights[m], at.first[m - 1], corner)
        corner = weights[m].mT.unsqueeze(1) @ column * at.first[m - 1].unsqueeze(1)
        bend = at.second[m - 1] * backward.pulled[m - 1]
        corner.diagonal(dim1=1, dim2=2).add_(bend.mT)
        for k in range(m - 1, -1, -1):
            blocks.add_curvature(k, m, column, at.inputs[k], at.inputs[m])
            if k > 0:
                column = _pull(weights[k], at.first[k - 1], column)


def _pull(weight: Tensor, first: Tensor, curvature: Tensor | float) -> Tensor:
    """``phi' * W^T Q``, ``(runs, p, p', samples)``."""
    if not isinstance(curvature, Tensor):
        return first.unsqueeze(2) * (curvature * weight.mT).unsqueeze(3)
    product = weight.mT @ curvature.flatten(2)
    return first.unsqueeze(2) * product.unflatten(2, curvature.shape[2:])


def _add_slopes(
    blocks: LayerBlocks, weights: Sequence[Tensor], at: _Forward, backward: _Backward
) -> None:
    """Adds ``delta_m[j] a_l[k] J_lm[q,i]`` for all ``l < m``, row by row."""
    for k in range(len(weights) - 1):
        jacobian = None
        for m in range(k + 1, len(weights)):
            if jacobian is None:
                blocks.add_diagonal_slope(
                    k, m, backward.deltas[m], at.inputs[k], at.first[k]
                )
            else:
                blocks.add_slope(k, m, backward.deltas[m], at.inputs[k], jacobian)
            if m < len(weights) - 1:
                jacobian = _push(weights[m], at.first[k], at.first[m], jacobian)


def _push(
    weight: Tensor, start: Tensor, first: Tensor, jacobian: Tensor | None
) -> Tensor:
    """``phi' * W J``, ``(runs, q, i, samples)``; None is ``J = diag(start)``."""
    if jacobian is None:
        return first.unsqueeze(2) * weight.unsqueeze(3) * start.unsqueeze(1)
    product = weight @ jacobian.flatten(2)
    return first.unsqueeze(2) * product.unflatten(2, jacobian.shape[2:])
