"""Blocks of a fully connected network's Hessian, one for each pair of layers."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor


@final
class LayerBlocks:
    """Sums over samples, laid out as the matrix products give them.

    Samples are added chunk by chunk. Every tensor has the runs first and the samples
    last; the inputs of a layer get a one appended where it has a bias.
    """

    def __init__(self, weights: Sequence[Tensor], *, bias: bool) -> None:
        """Starts at zero.

        Args:
            weights: Of the layers, ``(runs, outputs, inputs)``.
            bias: Whether every layer has one.
        """
        self._bias = bias
        self._widths = [(w.shape[1], w.shape[2]) for w in weights]
        runs, blank = weights[0].shape[0], weights[0].new_zeros
        self._curvatures: dict[tuple[int, int], Tensor] = {}
        self._slopes: dict[tuple[int, int], Tensor] = {}
        for m, (p_m, k_m) in enumerate(self._widths):
            for k, (p_k, k_k) in enumerate(self._widths[: m + 1]):
                self._curvatures[k, m] = blank(runs, p_k, p_m, k_k + bias, k_m + bias)
                if k < m:
                    self._slopes[k, m] = blank(runs, p_m, k_k + bias, k_m, p_k)

    def add_curvature(
        self, k: int, m: int, curvature: Tensor, left: Tensor, right: Tensor
    ) -> None:
        """Adds ``Q[i,j] a[k] b[q]``.

        Args:
            k: First layer.
            m: Second layer, not before the first.
            curvature: Q, ``(runs, i, j, samples)``.
            left: Inputs a of the first layer.
            right: Inputs b of the second layer.
        """
        left, right = self._extend(left), self._extend(right)
        block = self._curvatures[k, m]
        if curvature.shape[1] * curvature.shape[2] < right.shape[1]:
            weighted = curvature.unsqueeze(3) * left[:, None, None]
            _accumulate(block, weighted, right)
        else:
            _accumulate(block, curvature, left.unsqueeze(2) * right.unsqueeze(1))

    def add_identity(self, m: int, scale: float, inputs: Tensor) -> None:
        """Adds ``Q[i,j] a[k] a[q]`` with Q a multiple of the identity."""
        inputs = self._extend(inputs)
        moments = scale * (inputs @ inputs.mT)
        diagonal = self._curvatures[m, m].diagonal(dim1=1, dim2=2)
        diagonal.add_(moments.unsqueeze(3))

    def add_slope(
        self, k: int, m: int, delta: Tensor, inputs: Tensor, jacobian: Tensor
    ) -> None:
        """Adds ``delta[j] a[k] J[q,i]``.

        Args:
            k: First layer.
            m: Second layer, after the first.
            delta: Of the second layer, ``(runs, j, samples)``.
            inputs: Inputs a of the first layer.
            jacobian: J, ``(runs, q, i, samples)``.
        """
        outer = delta.unsqueeze(2) * self._extend(inputs).unsqueeze(1)
        _accumulate(self._slopes[k, m], outer, jacobian)

    def add_diagonal_slope(
        self, k: int, m: int, delta: Tensor, inputs: Tensor, first: Tensor
    ) -> None:
        """Adds ``delta[j] a[k] J[q,i]`` with ``J = diag(first)``."""
        outer = delta.unsqueeze(2) * self._extend(inputs).unsqueeze(1)
        product = outer.flatten(1, 2) @ first.mT
        diagonal = self._slopes[k, m].diagonal(dim1=3, dim2=4)
        diagonal.add_(product.unflatten(1, outer.shape[1:3]))

    def join(self) -> Tensor:
        """The symmetric matrices, ``(runs, parameters, parameters)``."""
        offsets = [0]
        for p, k in self._widths:
            offsets.append(offsets[-1] + p * (k + self._bias))
        some = self._curvatures[0, 0]
        hessian = some.new_empty(some.shape[0], offsets[-1], offsets[-1])
        for (k, m), curvature in self._curvatures.items():
            block = curvature.permute(0, 1, 3, 2, 4)
            if k < m:
                block[..., : self._widths[m][1]] += self._slopes[k, m].permute(
                    0, 4, 2, 1, 3
                )
            self._write(hessian, block, offsets[k], offsets[m])
            if k < m:
                mirrored = block.permute(0, 3, 4, 1, 2)
                self._write(hessian, mirrored, offsets[m], offsets[k])
        return hessian

    def _write(self, hessian: Tensor, block: Tensor, row: int, column: int) -> None:
        """Writes ``(runs, i, k, j, q)`` with weights first and biases after them."""
        for rows, from_rows in self._parts(block.shape[1], block.shape[2], row):
            for columns, from_columns in self._parts(
                block.shape[3], block.shape[4], column
            ):
                part = block[:, :, from_rows, :, from_columns]
                hessian[:, rows, columns] = part.flatten(3, 4).flatten(1, 2)

    def _parts(
        self, outputs: int, inputs: int, offset: int
    ) -> list[tuple[slice, slice]]:
        """Where weights and biases go, and which inputs they belong to."""
        weights = outputs * (inputs - self._bias)
        parts = [(slice(offset, offset + weights), slice(0, inputs - self._bias))]
        if self._bias:
            end = offset + weights
            parts.append((slice(end, end + outputs), slice(inputs - 1, inputs)))
        return parts

    def _extend(self, inputs: Tensor) -> Tensor:
        if not self._bias:
            return inputs
        ones = inputs.new_ones(1, 1, 1).expand(inputs.shape[0], 1, inputs.shape[2])
        return torch.cat([inputs, ones], dim=1)


def _accumulate(block: Tensor, left: Tensor, right: Tensor) -> None:
    """Adds the product of ``(runs, ..., samples)`` tensors over their samples."""
    rows, columns = left[0, ..., 0].numel(), right[0, ..., 0].numel()
    block.view(-1, rows, columns).baddbmm_(
        left.reshape(-1, rows, left.shape[-1]),
        right.reshape(-1, columns, right.shape[-1]).mT,
    )
