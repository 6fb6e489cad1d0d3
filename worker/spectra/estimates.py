"""Means over random probes, and how far they may be from the truth."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.spectra.quadrature import Quadrature


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number for every run.

    Attributes:
        value: ``(runs,)``.
        standard_error: ``(runs,)``; zero where the value is exact, NaN where one probe
            cannot tell.
        freedom: Degrees of freedom of the standard error; 0 where the value is exact.
    """

    value: Tensor
    standard_error: Tensor
    freedom: int

    @classmethod
    def exact(cls, value: Tensor) -> "Estimate":
        """A value without error."""
        return cls(value=value, standard_error=torch.zeros_like(value), freedom=0)

    @classmethod
    def mean(cls, samples: Tensor, variance: Tensor) -> "Estimate":
        """The mean over probes.

        Args:
            samples: ``(runs, probes)``.
            variance: What is known of a sample's, ``(runs,)``; that of the samples is
                taken where it is larger.

        Returns:
            The mean.
        """
        runs, count = samples.shape
        if count == 1:
            error = samples.new_full((runs,), torch.nan)
        else:
            error = (torch.maximum(samples.var(dim=1), variance) / count).sqrt()
        return cls(value=samples.mean(dim=1), standard_error=error, freedom=count - 1)

    def reach(self) -> Tensor:
        """Half the width of the 95 % interval; infinite for one probe, ``(runs,)``."""
        if self.freedom == 0:
            return torch.where(self.standard_error == 0, 0.0, torch.inf)
        return student_t(self.freedom) * self.standard_error


def trace(rule: Quadrature) -> Estimate:
    """``tr H``."""
    return Estimate.mean(rule.traces(_identity), rule.variance(_identity))


def frobenius_norm(rule: Quadrature) -> Estimate:
    """``|H|_F``, with the error of its square carried over to first order."""
    square = Estimate.mean(rule.traces(torch.square), rule.variance(torch.square))
    value = square.value.sqrt()
    error = torch.where(value > 0, square.standard_error / (2 * value), 0.0)
    return Estimate(value=value, standard_error=error, freedom=square.freedom)


def _identity(values: Tensor) -> Tensor:
    return values


_NORMAL = 1.959963984540054
_ONE_AND_TWO = {1: 12.706204736432095, 2: 4.302652729911275}


def student_t(freedom: int) -> float:
    """The 97.5 % point of Student's t, to 0.1 %.

    Args:
        freedom: Degrees of freedom.

    Returns:
        The point, by the expansion about the normal distribution.

    References:
        M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    if freedom in _ONE_AND_TWO:
        return _ONE_AND_TWO[freedom]
    x, n = _NORMAL, freedom
    return (
        x
        + (x**3 + x) / (4 * n)
        + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * n**2)
        + (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / (384 * n**3)
        + (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x)
        / (92160 * n**4)
    )
