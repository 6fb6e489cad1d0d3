"""Every critical point of a deep linear autoencoder, by class.

At a critical point ``W2 W1`` projects on the span of ``m <= p`` eigenvectors of the
second moments ``S``. The loss there is the sum of the other eigenvalues over ``k``.

The Morse index depends on the chosen eigenvectors alone, also for ``m < p``. From
``W2^T (W2 W1 - I) S = 0`` and ``(W2 W1 - I) S W1^T = 0`` follows, in a basis of the
hidden units that splits the kernel of W2 off, ``W2 = U [G, 0]`` and
``W1 = [G^-1; B] U^T`` with any B. The change of basis ``W2 A^-1, A W1`` leaves the
loss as it is and can make G the identity and B zero; by Sylvester's law of inertia it
keeps the signs of the Hessian's eigenvalues. There the second-order form splits:

- each of the ``p - m`` idle hidden units and each other eigenvector with value l > 0:
  ``-2 l x y``, one negative eigenvalue;
- each chosen eigenvector (value c) and each other one (value l):
  ``c x^2 + l y^2 - 2 l x y``, with determinant ``l (c - l)``: one if ``l > c``;
- the rest is a sum of squares.

References:
    P. Baldi, K. Hornik, Neural networks and principal component analysis: learning from
    examples without local minima, Neural Networks 2, 1989.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticPoint:
    """A class of critical points.

    Attributes:
        eigenvectors: Those projected on; 0 has the largest eigenvalue.
        loss: The loss there.
        negative_eigenvalues: Morse index there.
    """

    eigenvectors: tuple[int, ...]
    loss: float
    negative_eigenvalues: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticMatch:
    """The class nearest to a point.

    Attributes:
        point: The class.
        relative_loss_error: Difference of the losses over the analytic one, or over the
            loss at zero where the analytic one vanishes.
    """

    point: AnalyticPoint
    relative_loss_error: float


@final
class AnalyticCriticalPoints:
    """The critical points of ``mean((X - X W1^T W2^T)^2)``.

    Attributes:
        eigenvalues: Of the second moments, descending, ``(k,)`` in float64.
        eigenvectors: As columns, ``(k, k)``.
    """

    def __init__(self, *, factor: Tensor, hidden_size: int) -> None:
        """Decomposes the second moments.

        Args:
            factor: A root C of the second moments ``C^T C``, ``(rows, k)``.
            hidden_size: Rows of the encoder.
        """
        wide = factor.to("cpu", torch.float64)
        singular, right = torch.linalg.svd(wide, full_matrices=True)[1:]
        self._k, self._p = wide.shape[1], hidden_size
        self.eigenvalues = torch.zeros(self._k, dtype=torch.float64)
        self.eigenvalues[: singular.shape[0]] = singular.square()
        floor = self._k * torch.finfo(torch.float64).eps * self.eigenvalues[0]
        self._positive = int((self.eigenvalues > floor).sum())
        self.eigenvectors = right.T

    def point(self, eigenvectors: Sequence[int]) -> AnalyticPoint:
        """The class of the points that project on the given eigenvectors.

        Args:
            eigenvectors: Numbers of eigenvectors with eigenvalues above rounding, at
                most as many as there are hidden units.

        Returns:
            Its loss and Morse index.
        """
        chosen = sorted(eigenvectors)
        others = [i for i in range(self._positive) if i not in set(chosen)]
        idle = self._p - len(chosen)
        inversions = sum(i < c for c in chosen for i in others)
        return AnalyticPoint(
            eigenvectors=tuple(chosen),
            loss=float(self.eigenvalues[others].sum()) / self._k,
            negative_eigenvalues=len(others) * idle + inversions,
        )

    def representative(self, eigenvectors: Sequence[int]) -> Tensor:
        """The critical point with orthonormal weights, ``(parameters,)``."""
        theta = torch.zeros(2, self._p * self._k, dtype=torch.float64)
        basis = self.eigenvectors[:, sorted(eigenvectors)]
        theta[0].view(self._p, self._k)[: basis.shape[1]] = basis.T
        theta[1].view(self._k, self._p)[:, : basis.shape[1]] = basis
        return theta.flatten()

    def nearest(self, value: Tensor, theta: Tensor) -> list[AnalyticMatch]:
        """The class of each point, by the eigenvectors that ``W2 W1`` keeps.

        An eigenvector u counts as kept where ``u^T W2 W1 u`` is above one half.

        Args:
            value: Losses, ``(runs,)``.
            theta: Points, ``(runs, parameters)``.

        Returns:
            One match for each run.
        """
        encoder, decoder = theta.to("cpu", torch.float64).chunk(2, dim=1)
        left = decoder.reshape(-1, self._k, self._p).mT @ self.eigenvectors
        right = encoder.reshape(-1, self._p, self._k) @ self.eigenvectors
        kept = (left * right).sum(1)[:, : self._positive]
        at_zero = float(self.eigenvalues.sum()) / self._k
        matches: list[AnalyticMatch] = []
        for loss, weights in zip(value.tolist(), kept, strict=True):
            order = weights.argsort(descending=True)[: self._p]
            point = self.point(order[weights[order].round() > 0].tolist())
            error = abs(loss - point.loss) / (point.loss or at_zero)
            matches.append(AnalyticMatch(point=point, relative_loss_error=error))
        return matches
