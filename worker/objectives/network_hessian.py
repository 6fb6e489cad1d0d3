"""The Hessian of a network's mean loss, by products or formed."""

from typing import final

import torch
from torch import Tensor

from worker.objectives.assembly.assembly import Assembly
from worker.objectives.full_batch import FullBatchLoss, total
from worker.objectives.graphs.graphs import GradientGraph


@final
class NetworkHessian:
    """Hessians at a batch of points.

    Gradient graphs are built once and kept where the memory budget allows; else they
    are built again for every product.
    """

    def __init__(
        self,
        *,
        theta: Tensor,
        loss: FullBatchLoss,
        l2: float,
        assembly: Assembly,
    ) -> None:
        """Computes nothing yet.

        Args:
            theta: Points, ``(runs, parameters)``.
            loss: The loss, summed over the whole data set.
            l2: Weight of the squared norm of the parameters.
            assembly: The way to form the Hessians.
        """
        self._theta = theta
        self._loss = loss
        self._l2 = l2
        self._assembly = assembly
        self._graphs: list[list[GradientGraph]] | None = None

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self._theta.shape[0]

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return self._theta.shape[1]

    def summed_gradient(self) -> tuple[Tensor, Tensor]:
        """Sums over samples of losses ``(runs,)`` and gradients ``(runs, size)``."""
        kept = self._kept_graphs()
        if not kept:
            return self._loss.gradient(self._theta)
        return (
            torch.cat([total(graph.value for graph in graphs) for graphs in kept]),
            torch.cat([total(graph.gradient for graph in graphs) for graphs in kept]),
        )

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        pieces = self._kept_graphs() or self._loss.graphs(self._theta)
        parts = vectors.split(self._loss.batches.runs)
        products = [
            total(graph.product(part) for graph in graphs)
            for part, graphs in zip(parts, pieces, strict=True)
        ]
        mean = torch.cat(products) / self._loss.samples
        return mean + (2.0 * self._l2) * vectors if self._l2 else mean

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        hessians = self._assembly(self._theta)
        hessians /= self._loss.samples
        if self._l2:
            hessians.diagonal(dim1=1, dim2=2).add_(2.0 * self._l2)
        return hessians

    def take(self, rows: Tensor) -> "NetworkHessian":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return NetworkHessian(
            theta=self._theta[rows],
            loss=self._loss,
            l2=self._l2,
            assembly=self._assembly,
        )

    def _kept_graphs(self) -> list[list[GradientGraph]]:
        """Graphs by pieces of runs and of samples; none where they are not kept."""
        if self._graphs is None:
            kept = self._loss.batches.keeps(self.runs)
            pieces = self._loss.graphs(self._theta) if kept else ()
            self._graphs = [list(graphs) for graphs in pieces]
        return self._graphs
