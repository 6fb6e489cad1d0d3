"""Blocks of a fully connected network's Hessian, one for each pair of layers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Unordered pairs of the numbers below a size.

    Attributes:
        size: How many numbers.
        one: The smaller number of each pair.
        other: The larger.
        places: Number of the pair of any two, ``(size, size)``.
    """

    size: int
    one: Tensor
    other: Tensor
    places: Tensor

    @classmethod
    def of(cls, size: int, device: torch.device) -> "Pairs":
        """All pairs."""
        one, other = torch.triu_indices(size, size, device=device)
        places = torch.empty(size, size, dtype=torch.int64, device=device)
        numbers = torch.arange(len(one), device=device)
        places[one, other] = numbers
        places[other, one] = numbers
        return cls(size=size, one=one, other=other, places=places)


@final
class LayerBlocks:
    """Sums over samples, laid out as the matrix products give them.

    Samples are added chunk by chunk. Every tensor has the runs first and the samples
    last; the inputs of a layer get a one appended where it has a bias.
    """

    def __init__(self, weights: Sequence[Tensor], *, biases: Sequence[bool]) -> None:
        """Starts at zero.

        Args:
            weights: Of the layers, ``(runs, outputs, inputs)``.
            biases: Whether a layer has one.
        """
        self._biases = list(biases)
        self._widths = [
            (w.shape[1], w.shape[2] + bias)
            for w, bias in zip(weights, biases, strict=True)
        ]
        self._corners: list[tuple[Pairs, Pairs, Tensor]] = []
        self._curvatures: dict[tuple[int, int], Tensor] = {}
        self._slopes: dict[tuple[int, int], Tensor] = {}
        for m, (p_m, k_m) in enumerate(self._widths):
            runs, blank, device = (
                len(weights[m]),
                weights[m].new_zeros,
                weights[m].device,
            )
            outputs, inputs = Pairs.of(p_m, device), Pairs.of(k_m, device)
            corner = blank(runs, len(outputs.one), len(inputs.one))
            self._corners.append((outputs, inputs, corner))
            for k, (p_k, k_k) in enumerate(self._widths[:m]):
                self._curvatures[k, m] = blank(runs, p_k, p_m, k_k, k_m)
                self._slopes[k, m] = blank(runs, p_m, k_k, k_m - biases[m], p_k)

    def add_curvature(
        self, k: int, m: int, curvature: Tensor, left: Tensor, right: Tensor
    ) -> None:
        """Adds ``Q[i,j] a[k] b[q]``.

        Args:
            k: First layer.
            m: Second layer, after the first.
            curvature: Q, ``(runs, i, j, samples)``.
            left: Inputs a of the first layer.
            right: Inputs b of the second layer.
        """
        left, right = self._extend(k, left), self._extend(m, right)
        block = self._curvatures[k, m]
        if curvature.shape[1] * curvature.shape[2] < right.shape[1]:
            weighted = curvature.unsqueeze(3) * left[:, None, None]
            _accumulate(block, weighted, right)
        else:
            _accumulate(block, curvature, left.unsqueeze(2) * right.unsqueeze(1))

    def add_corner(self, m: int, curvature: Tensor, inputs: Tensor) -> None:
        """Adds ``Q[i,j] a[k] a[q]`` with Q symmetric, ``(runs, i, j, samples)``."""
        inputs = self._extend(m, inputs)
        outputs, squares, corner = self._corners[m]
        rows = curvature[:, outputs.one, outputs.other]
        if outputs.size * outputs.size < squares.size:
            weighted = (rows.unsqueeze(2) * inputs.unsqueeze(1)).flatten(1, 2)
            sums = (weighted @ inputs.mT).unflatten(1, (-1, squares.size))
            corner.add_(sums[:, :, squares.one, squares.other])
        else:
            _accumulate(corner, rows, inputs[:, squares.one] * inputs[:, squares.other])

    def add_identity(self, m: int, scale: float, inputs: Tensor) -> None:
        """Adds ``Q[i,j] a[k] a[q]`` with Q a multiple of the identity."""
        inputs = self._extend(m, inputs)
        outputs, squares, corner = self._corners[m]
        moments = scale * (inputs @ inputs.mT)[:, squares.one, squares.other]
        corner[:, outputs.one == outputs.other] += moments.unsqueeze(1)

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
        outer = delta.unsqueeze(2) * self._extend(k, inputs).unsqueeze(1)
        _accumulate(self._slopes[k, m], outer, jacobian)

    def add_diagonal_slope(
        self, k: int, m: int, delta: Tensor, inputs: Tensor, first: Tensor
    ) -> None:
        """Adds ``delta[j] a[k] J[q,i]`` with ``J = diag(first)``."""
        outer = delta.unsqueeze(2) * self._extend(k, inputs).unsqueeze(1)
        product = outer.flatten(1, 2) @ first.mT
        diagonal = self._slopes[k, m].diagonal(dim1=3, dim2=4)
        diagonal.add_(product.unflatten(1, outer.shape[1:3]))

    def join(self, hessians: Tensor, offsets: Sequence[int]) -> None:
        """Writes the blocks of symmetric matrices and those below the diagonal.

        Args:
            hessians: The matrices, ``(runs, parameters, parameters)``.
            offsets: Where each layer's parameters begin, the weight before the bias.
        """
        for m, (outputs, squares, corner) in enumerate(self._corners):
            places = squares.places.flatten().expand(*corner.shape[:2], -1)
            block = corner.gather(2, places)  # many times faster than index_select
            block = block.index_select(1, outputs.places.flatten())
            block = block.unflatten(2, (squares.size, -1))
            block = block.unflatten(1, (outputs.size, -1)).transpose(2, 3)
            self._write(hessians, offsets, (m, m), block)
        for (k, m), curvature in self._curvatures.items():
            block = curvature.permute(0, 1, 3, 2, 4)
            slopes = self._slopes[k, m].permute(0, 4, 2, 1, 3)
            block[..., : slopes.shape[4]] += slopes
            self._write(hessians, offsets, (k, m), block)

    def _write(
        self,
        hessians: Tensor,
        offsets: Sequence[int],
        layers: tuple[int, int],
        block: Tensor,
    ) -> None:
        """Writes a block ``(runs, i, k, j, q)`` where its parameters are."""
        rows, columns = (self._parts(layer, offsets[layer]) for layer in layers)
        for (row, left), (column, right) in itertools.product(rows, columns):
            part = hessians[:, row, column]
            shaped = part.unflatten(2, (block.shape[3], -1))
            shaped = shaped.unflatten(1, (block.shape[1], -1))
            shaped.copy_(block[:, :, left, :, right])
            if layers[0] < layers[1]:
                hessians[:, column, row] = part.mT

    def _parts(self, layer: int, offset: int) -> list[tuple[slice, slice]]:
        """Places of weights and of biases, and the inputs that belong to them."""
        outputs, inputs = self._widths[layer]
        if not self._biases[layer]:
            return [(slice(offset, offset + outputs * inputs), slice(inputs))]
        end = offset + outputs * (inputs - 1)
        return [
            (slice(offset, end), slice(inputs - 1)),
            (slice(end, end + outputs), slice(inputs - 1, inputs)),
        ]

    def _extend(self, layer: int, inputs: Tensor) -> Tensor:
        if not self._biases[layer]:
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
