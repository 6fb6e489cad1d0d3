"""Candidate steps of a batch of runs."""

from dataclasses import dataclass
from typing import final

from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """``k`` steps of every run, with what the linear model of ``g`` promises of them.

    Attributes:
        directions: ``p``, ``(k, runs, size)``.
        images: ``H p``, ``(k, runs, size)``.
        squared_residual: ``|g + H p|^2``, ``(k, runs)``.
        squared_length: ``|p|^2``, ``(k, runs)``.
    """

    directions: Tensor
    images: Tensor
    squared_residual: Tensor
    squared_length: Tensor
