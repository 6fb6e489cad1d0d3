"""Gradients by the outputs of linear layers, with the graph behind them.

The derivative of a loss along the weight ``W[i,k]`` of a layer ``z = W a + u`` is
``a[k]`` times that along ``u[i]``, sample by sample. So second derivatives along the
shifts ``u`` of all samples, which do not see each other, and derivatives of the inputs
``a`` of later layers tell those along all weights. Both come out of one pass backward:
to the loss are added the inputs of all layers, times multipliers that are zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGraph:
    """Gradients of some runs on one chunk of samples.

    Attributes:
        leaves: Parameters that belong to no layer, ``(runs, *shape)``, and then what is
            added to the outputs of each layer, ``(runs, samples, outputs)``.
        slopes: Derivatives of the summed losses by the leaves.
        inputs: Of the layers, ``(runs, samples, inputs)``.
        multipliers: Zeros like the inputs.
    """

    leaves: Sequence[Tensor]
    slopes: Sequence[Tensor]
    inputs: Sequence[Tensor]
    multipliers: Sequence[Tensor]

    @classmethod
    def of(
        cls, value: Tensor, leaves: Sequence[Tensor], inputs: Sequence[Tensor]
    ) -> "LayerGraph":
        """The graph of the runs' losses ``(runs,)``, computed from leaves."""
        multipliers = [torch.zeros_like(each, requires_grad=True) for each in inputs]
        terms = [(a * v).sum() for a, v in zip(inputs, multipliers, strict=True)]
        slopes = torch.autograd.grad(
            torch.stack([value.sum(), *terms]).sum(),
            leaves,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return cls(
            leaves=leaves,
            slopes=slopes,
            inputs=[each.detach() for each in inputs],
            multipliers=multipliers,
        )

    def rows(self, number: int, directions: Tensor) -> list[Tensor | None]:
        """Derivatives of a leaf's slope along directions.

        Args:
            number: Of the leaf.
            directions: The same for all runs and samples, ``(count, ...)``.

        Returns:
            Derivatives ``(count, ...)`` by all leaves and by all multipliers; None for
            leaves before this one and where there are none.

        Raises:
            OutOfMemoryError: If the directions do not fit the device together.
        """
        slope = self.slopes[number]
        later = [*self.leaves[number:], *self.multipliers]
        earlier: list[Tensor | None] = [None] * number
        if not slope.requires_grad:
            return [*earlier, *(None for _ in later)]
        missing = slope.ndim + 1 - directions.ndim
        vectors = directions[:, *(None,) * missing].expand(-1, *slope.shape)
        if len(vectors) > 1:
            try:
                return [*earlier, *_backward(slope, later, vectors, batched=True)]
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                pass  # a layer that takes directions one by one
        rows = [_backward(slope, later, each, batched=False) for each in vectors]
        return [*earlier, *map(_stacked, zip(*rows, strict=True))]


def _backward(
    slope: Tensor, leaves: Sequence[Tensor], directions: Tensor, *, batched: bool
) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(
        slope,
        leaves,
        directions,
        retain_graph=True,
        is_grads_batched=batched,
        allow_unused=True,
    )


def _stacked(column: Sequence[Tensor | None]) -> Tensor | None:
    present = [each for each in column if each is not None]
    return torch.stack(present) if present else None
