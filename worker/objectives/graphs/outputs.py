"""A network's outputs with their graph: products with their Jacobian and its transpose.

``J^T u`` is linear in ``u``. So its graph, built once for a dummy ``u``, gives ``J v``
by one pass backward, and the graph of the outputs gives ``J^T w`` by another: reverse
mode alone, as for Hessian products, whatever the layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.networks.losses import Curvature
from worker.networks.weights import ParameterLayout


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OutputGraph:
    """Outputs of some runs on one chunk of samples, with the graph behind them.

    Attributes:
        layout: The parameters.
        leaves: The tensors that the outputs were computed from, ``(runs, *shape)``.
        outputs: ``(runs, n, ...)``.
        dual: The dummy ``u``, like the outputs.
        pullback: ``J^T u``, one tensor for each leaf.
    """

    layout: ParameterLayout
    leaves: Sequence[Tensor]
    outputs: Tensor
    dual: Tensor
    pullback: Sequence[Tensor]

    @classmethod
    def of(
        cls, layout: ParameterLayout, leaves: Sequence[Tensor], outputs: Tensor
    ) -> "OutputGraph":
        """The graph of outputs that were computed from leaves."""
        dual = torch.zeros_like(outputs, requires_grad=True)
        pullback = torch.autograd.grad(
            outputs,
            leaves,
            dual,
            create_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return cls(
            layout=layout, leaves=leaves, outputs=outputs, dual=dual, pullback=pullback
        )

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.outputs)

    def product(self, vectors: Tensor, curvature: Curvature) -> Tensor:
        """Products ``J^T C J v``, ``C`` the curvature of the loss in the outputs.

        Args:
            vectors: ``(runs, parameters)``, or several for each run, ``(count, runs,
                parameters)``.
            curvature: Of the loss.

        Returns:
            Products like the vectors; the graph is kept.

        Raises:
            OutOfMemoryError: If the directions do not fit the device together.
        """
        if vectors.ndim == 2:  # noqa: PLR2004 - one vector for each run
            return self._product(vectors, curvature, batched=False)
        if len(vectors) > 1:
            try:
                return self._product(vectors, curvature, batched=True)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:
                pass  # a layer that takes directions one by one
        return torch.stack(
            [self._product(each, curvature, batched=False) for each in vectors]
        )

    def _product(
        self, vectors: Tensor, curvature: Curvature, *, batched: bool
    ) -> Tensor:
        pairs = [
            pair
            for pair in zip(self.pullback, self._pieces(vectors), strict=True)
            if pair[0].requires_grad
        ]
        (images,) = torch.autograd.grad(
            [tensor for tensor, _ in pairs],
            self.dual,
            [piece for _, piece in pairs],
            retain_graph=True,
            is_grads_batched=batched,
        )
        products = torch.autograd.grad(
            self.outputs,
            self.leaves,
            curvature(self.outputs.detach(), images),
            retain_graph=True,
            is_grads_batched=batched,
            allow_unused=True,
        )
        leading = vectors.shape[:-1]
        return torch.cat(
            [
                vectors.new_zeros(*leading, size)
                if product is None
                else product.reshape(*leading, size)
                for product, size in zip(products, self.layout.sizes, strict=True)
            ],
            dim=-1,
        )

    def _pieces(self, vectors: Tensor) -> list[Tensor]:
        """The vectors' parts for each leaf, ``(..., runs, *shape)``."""
        return [
            piece.unflatten(-1, shape)
            for piece, shape in zip(
                vectors.split(self.layout.sizes, dim=-1),
                self.layout.shapes,
                strict=True,
            )
        ]
