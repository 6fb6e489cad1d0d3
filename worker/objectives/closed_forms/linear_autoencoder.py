"""The deep linear autoencoder, through the second moments of its data.

The loss ``mean((X - X W1^T W2^T)^2)`` over all entries of the ``n x k`` data is
``|C (I - W2 W1)^T|^2 / k`` with the triangular factor ``C`` of ``X / sqrt(n)``, and its
derivatives need only ``S = C^T C``: the cost of everything is independent of n.
Parameters are ``encoder.weight`` W1 ``(p, k)``, then ``decoder.weight`` W2 ``(k, p)``.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.datasets.randomness import generator
from worker.datasets.samples import Samples
from worker.datasets.sources import gaussian, linspace_variances
from worker.datasets.transforms import center
from worker.networks.weights import ParameterLayout
from worker.objectives.base import Linearisation
from worker.objectives.closed_forms.analytic import AnalyticCriticalPoints


def autoencoder_samples(*, input_size: int, samples: int, seed: int) -> Samples:
    """Gaussian samples with covariance diag(1..k) and centred features."""
    variances = linspace_variances(input_size, low=1.0, high=float(input_size))
    stream = generator(seed, "dataset")
    return center(gaussian(samples=samples, variances=variances, generator=stream))


@final
class LinearAutoencoderObjective:
    """Mean squared reconstruction error of ``W2 W1``.

    Attributes:
        layout: Names and shapes of the two matrices.
        factor: Triangular ``C``, ``(min(n, k), k)``.
        moments: Second moments ``S``, ``(k, k)``.
        critical_points: All of them, by class.
    """

    def __init__(self, *, x: Tensor, hidden_size: int) -> None:
        """Reduces the data to their second moments.

        Args:
            x: Data, ``(n, k)``; their precision and device are those of the objective.
            hidden_size: Rows of the encoder.
        """
        self.samples = x.shape[0]
        self.dtype = x.dtype
        self.device = x.device
        self.smooth = True
        self.warnings: list[str] = []
        self._k, self._p = x.shape[1], hidden_size
        self.layout = ParameterLayout(
            names=("encoder.weight", "decoder.weight"),
            shapes=((hidden_size, self._k), (self._k, hidden_size)),
        )
        scaled = x.to(torch.float64) / self.samples**0.5
        factor = torch.linalg.qr(scaled, mode="r").R
        self.factor = factor.to(x.dtype)
        self.critical_points = AnalyticCriticalPoints(
            factor=factor, hidden_size=hidden_size
        )
        self.moments = _symmetric(factor.T @ factor).to(x.dtype)

    @property
    def parameters(self) -> int:
        """Entries of both matrices."""
        return 2 * self._k * self._p

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed."""
        return 16.0

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs, without dense Hessians."""
        matrices = 4 * self._k * self._k + 12 * self._k * self._p
        return self.dtype.itemsize * runs * matrices

    def value(self, theta: Tensor) -> Tensor:
        """Losses, ``(runs,)``."""
        encoder, decoder = self._matrices(theta)
        return self._value(self._residual(encoder, decoder))

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Losses ``(runs,)`` and gradients ``(runs, parameters)``."""
        encoder, decoder = self._matrices(theta)
        residual = self._residual(encoder, decoder)
        weighted = residual @ self.moments * (2.0 / self._k)
        return self._value(residual), _join(
            decoder.mT @ weighted, weighted @ encoder.mT
        )

    def linearise(self, theta: Tensor) -> Linearisation:
        """Losses, gradients and Hessians."""
        encoder, decoder = self._matrices(theta)
        residual = self._residual(encoder, decoder)
        weighted = residual @ self.moments * (2.0 / self._k)
        return Linearisation(
            theta=theta,
            value=self._value(residual),
            gradient=_join(decoder.mT @ weighted, weighted @ encoder.mT),
            hessian=LinearAutoencoderHessian(
                encoder=encoder,
                decoder=decoder,
                weighted_residual=weighted,
                moments=self.moments * (2.0 / self._k),
            ),
        )

    def gauss_newton(self, theta: Tensor) -> "LinearAutoencoderHessian":
        """Generalised Gauss-Newton matrices: Hessians as if nothing were left over."""
        encoder, decoder = self._matrices(theta)
        return LinearAutoencoderHessian(
            encoder=encoder,
            decoder=decoder,
            weighted_residual=decoder.new_zeros(len(theta), self._k, self._k),
            moments=self.moments * (2.0 / self._k),
        )

    def _matrices(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        encoder, decoder = theta.split(self._k * self._p, dim=1)
        return (
            encoder.reshape(-1, self._p, self._k),
            decoder.reshape(-1, self._k, self._p),
        )

    def _residual(self, encoder: Tensor, decoder: Tensor) -> Tensor:
        product = decoder @ encoder
        product.diagonal(dim1=1, dim2=2).sub_(1.0)
        return product

    def _value(self, residual: Tensor) -> Tensor:
        # A sum of squares: no cancellation at small losses.
        return (residual @ self.factor.T).square().sum((1, 2)) / self._k


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAutoencoderHessian:
    """Hessians of the loss, in closed form.

    Attributes:
        encoder: W1, ``(runs, p, k)``.
        decoder: W2, ``(runs, k, p)``.
        weighted_residual: ``2/k (W2 W1 - I) S``, ``(runs, k, k)``.
        moments: ``2/k S``, ``(k, k)``.
    """

    encoder: Tensor
    decoder: Tensor
    weighted_residual: Tensor
    moments: Tensor

    @property
    def runs(self) -> int:
        """Number of matrices."""
        return self.encoder.shape[0]

    @property
    def size(self) -> int:
        """Order of each matrix."""
        return 2 * self.encoder[0].numel()

    def matvec(self, vectors: Tensor) -> Tensor:
        """Products, one for each run: ``(runs, size)`` to ``(runs, size)``."""
        first, second = vectors.split(self.size // 2, dim=1)
        first, second = first.view_as(self.encoder), second.view_as(self.decoder)
        change = (second @ self.encoder + self.decoder @ first) @ self.moments
        return _join(
            second.mT @ self.weighted_residual + self.decoder.mT @ change,
            self.weighted_residual @ first.mT + change @ self.encoder.mT,
        )

    def dense(self) -> Tensor:
        """The matrices themselves, ``(runs, size, size)``."""
        runs, p, k = self.encoder.shape
        hessian = self.encoder.new_zeros(runs, 2, p * k, 2, p * k)
        encoder_moments = self.encoder @ self.moments
        upper = hessian[:, 0, :, 0].unflatten(2, (p, k)).unflatten(1, (p, k))
        upper.copy_(
            _symmetric(self.decoder.mT @ self.decoder)[:, :, None, :, None]
            * self.moments[:, None, :]
        )
        lower = hessian[:, 1, :, 1].unflatten(2, (k, p)).unflatten(1, (k, p))
        lower.diagonal(dim1=1, dim2=3).copy_(
            _symmetric(encoder_moments @ self.encoder.mT)[..., None]
        )
        mixed = hessian[:, 0, :, 1].unflatten(2, (k, p)).unflatten(1, (p, k))
        # d2L / dW1[a, i] dW2[j, b] = W2[j, a] (W1 S)[b, i], plus (E S)[j, i] for a = b.
        mixed.copy_(
            self.decoder.mT[:, :, None, :, None]
            * encoder_moments.mT[:, None, :, None, :]
        )
        mixed.diagonal(dim1=1, dim2=4).add_(self.weighted_residual.mT[..., None])
        hessian[:, 1, :, 0] = hessian[:, 0, :, 1].mT
        return hessian.reshape(runs, self.size, self.size)

    def take(self, rows: Tensor) -> "LinearAutoencoderHessian":
        """The operator of the runs with the given numbers, ``(k,)`` integers."""
        return LinearAutoencoderHessian(
            encoder=self.encoder[rows],
            decoder=self.decoder[rows],
            weighted_residual=self.weighted_residual[rows],
            moments=self.moments,
        )


def _symmetric(matrices: Tensor) -> Tensor:
    return (matrices + matrices.mT) / 2


def _join(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first.flatten(1), second.flatten(1)], dim=1)
