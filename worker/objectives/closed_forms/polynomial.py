"""Polynomials in a few variables, with gradient and Hessian in closed form."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from worker.linalg.operators import DenseOperator
from worker.networks.weights import ParameterLayout
from worker.objectives.base import Linearisation

_CHUNK_ENTRIES = 2_000_000  # runs x terms x variables held at once


@final
class PolynomialObjective:
    """A sum of terms ``coefficient * prod_i x_i^powers[i]``.

    Products that leave variables out are cumulative products from both ends, never
    divisions: they are exact where a variable is zero.
    """

    def __init__(
        self,
        *,
        coefficients: Sequence[float],
        powers: Sequence[Sequence[int]],
        dtype: torch.dtype = torch.float64,
        device: torch.device | None = None,
    ) -> None:
        """Takes the terms.

        Args:
            coefficients: One for each term.
            powers: For each term, one power for each variable.
            dtype: Precision.
            device: Where to compute; None is the CPU.
        """
        self.dtype = dtype
        self.device = device or torch.device("cpu")
        self._coefficients = torch.tensor(coefficients, dtype=dtype, device=device)
        self._powers = torch.tensor(powers, dtype=dtype, device=device)
        self.layout = ParameterLayout(names=("x",), shapes=((self.parameters,),))

    @property
    def parameters(self) -> int:
        """Number of variables."""
        return self._powers.shape[1]

    @property
    def samples(self) -> None:
        """There is no data set."""
        return

    @property
    def smooth(self) -> bool:
        """A polynomial is smooth."""
        return True

    @property
    def hessian_cost(self) -> float:
        """Hessian products that cost as much as one Hessian, formed and decomposed."""
        return 1.0

    @property
    def warnings(self) -> list[str]:
        """There is nothing to beware of."""
        return []

    def bytes_needed(self, runs: int) -> int:
        """Peak memory of a linearisation of so many runs."""
        item, variables = self.dtype.itemsize, self.parameters
        per_run = self._powers.numel()
        held = min(max(_CHUNK_ENTRIES, per_run), runs * per_run)
        return item * (6 * held + 2 * runs * variables * (variables + 2))

    def value(self, theta: Tensor) -> Tensor:
        """Values, ``(runs,)``."""
        return torch.cat([self._value(part) for part in self._parts(theta)])

    def gradient(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``(runs,)`` and gradients ``(runs, variables)``."""
        gradients = [self._gradient(part) for part in self._parts(theta)]
        return self.value(theta), torch.cat(gradients)

    def linearise(self, theta: Tensor) -> Linearisation:
        """Values, gradients and Hessians."""
        value, gradient = self.gradient(theta)
        hessians = [self._hessian(part) for part in self._parts(theta)]
        return Linearisation(
            theta=theta,
            value=value,
            gradient=gradient,
            hessian=DenseOperator(matrices=torch.cat(hessians)),
        )

    def _parts(self, theta: Tensor) -> tuple[Tensor, ...]:
        return theta.split(max(1, _CHUNK_ENTRIES // self._powers.numel()))

    def _value(self, x: Tensor) -> Tensor:
        return self._monomials(x, order=0).prod(2) @ self._coefficients

    def _gradient(self, x: Tensor) -> Tensor:
        factors, slopes = self._monomials(x, order=0), self._monomials(x, order=1)
        others = _before(factors) * _after(factors)
        return torch.einsum("t,rtv->rv", self._coefficients, slopes * others)

    def _hessian(self, x: Tensor) -> Tensor:
        factors, slopes = self._monomials(x, order=0), self._monomials(x, order=1)
        curvatures = self._monomials(x, order=2)
        before, after = _before(factors), _after(factors)
        hessian = torch.diag_embed(
            torch.einsum("t,rtv->rv", self._coefficients, curvatures * before * after)
        )
        for i in range(self.parameters - 1):
            first = self._coefficients * slopes[..., i] * before[..., i]
            between = _before(factors[..., i + 1 :])
            pairs = between * slopes[..., i + 1 :] * after[..., i + 1 :]
            row = torch.einsum("rt,rtv->rv", first, pairs)
            hessian[:, i, i + 1 :] = row
            hessian[:, i + 1 :, i] = row
        return hessian

    def _monomials(self, x: Tensor, *, order: int) -> Tensor:
        """Derivatives of ``x_i^p`` of that order, ``(runs, terms, variables)``."""
        scale = torch.ones_like(self._powers)
        for lower in range(order):
            scale = scale * (self._powers - lower)
        exponents = (self._powers - order).clamp(min=0)
        return scale * x[:, None, :] ** exponents


def _before(factors: Tensor) -> Tensor:
    """Products of the factors before each one."""
    ones = torch.ones_like(factors[..., :1])
    return torch.cat([ones, factors[..., :-1]], dim=-1).cumprod(-1)


def _after(factors: Tensor) -> Tensor:
    """Products of the factors after each one."""
    return _before(factors.flip(-1)).flip(-1)
