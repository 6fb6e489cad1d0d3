"""The generalised Gauss-Newton matrix of a network's mean loss.

``G = 1/n sum_i J_i^T C_i J_i + 2 l2 I``: ``J_i`` is the Jacobian of the outputs for
sample ``i`` in the parameters, ``C_i`` the Hessian of its loss in the outputs. It is
the Hessian without the curvature of the network itself, and never indefinite. The
squared norm of the parameters is convex and belongs to it, so that Hessian and
Gauss-Newton matrix are equal for a linear network.

It is also the Fisher information, with respect to the network's own distribution of the
targets, whose negative logarithm is the loss: for cross-entropy the categorical one,
for the mean squared error over ``k`` entries a Gaussian of variance ``k / 2``.

References:
    N. N. Schraudolph, Fast curvature matrix-vector products for second-order gradient
    descent, Neural Computation 14 (2002); J. Martens, New insights and perspectives on
    the natural gradient method, JMLR 21 (2020), sections 8 and 9.
"""

from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor

from worker.networks.losses import Curvature
from worker.objectives.full_batch import FullBatchLoss, total
from worker.objectives.graphs.outputs import OutputGraph


@final
class GaussNewton:
    """Gauss-Newton matrices at a batch of points.

    Graphs are built once and kept where the memory budget allows; else they are built
    again for every product.
    """

    def __init__(
        self, *, theta: Tensor, loss: FullBatchLoss, curvature: Curvature, l2: float
    ) -> None:
        """Computes nothing yet.

        Args:
            theta: Points, ``(runs, parameters)``.
            loss: The loss, summed over the whole data set.
            curvature: The loss's own, in the outputs.
            l2: Weight of the squared norm of the parameters.
        """
        self._theta = theta
        self._loss = loss
        self._curvature = curvature
        self._l2 = l2
        self._graphs: list[list[OutputGraph]] | None = None

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self._theta.shape[0]

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return self._theta.shape[1]

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        parts = vectors.split(self._loss.batches.runs)
        products = [
            total(graph.product(part, self._curvature) for graph in graphs)
            for part, graphs in zip(parts, self._pieces(), strict=True)
        ]
        mean = torch.cat(products) / self._loss.samples
        return mean + (2.0 * self._l2) * vectors if self._l2 else mean

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        matrices = self._theta.new_zeros(*self._theta.shape, self.size)
        parts = matrices.split(self._loss.batches.runs)
        for part, graphs in zip(parts, self._pieces(), strict=True):
            for graph in graphs:
                self._add(part, graph)
        matrices.triu_()
        matrices += matrices.triu(1).mT
        matrices /= self._loss.samples
        if self._l2:
            matrices.diagonal(dim1=1, dim2=2).add_(2.0 * self._l2)
        return matrices

    def take(self, rows: Tensor) -> "GaussNewton":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return GaussNewton(
            theta=self._theta[rows],
            loss=self._loss,
            curvature=self._curvature,
            l2=self._l2,
        )

    def _pieces(self) -> Iterable[Iterable[OutputGraph]]:
        """Graphs by pieces of runs and of samples."""
        if not self._loss.batches.keeps(self.runs):
            return self._loss.output_graphs(self._theta)
        if self._graphs is None:
            pieces = self._loss.output_graphs(self._theta)
            self._graphs = [list(graphs) for graphs in pieces]
        return self._graphs

    def _add(self, matrices: Tensor, graph: OutputGraph) -> None:
        """Adds a chunk's rows, so many directions at once."""
        identity = torch.eye(self.size, dtype=matrices.dtype, device=matrices.device)
        start = 0
        count = self._loss.batches.directions(len(matrices))
        for directions in identity.split(count):
            vectors = directions[:, None].expand(-1, len(matrices), -1)
            rows = graph.product(vectors, self._curvature)
            matrices[:, start : start + len(rows)] += rows.transpose(0, 1)
            start += len(rows)
