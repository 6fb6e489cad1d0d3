"""Symmetric matrices of given spectra."""

import torch
from torch import Tensor

from tests.support.numerics.devices import CPU


def rotation(size: int, seed: int, device: torch.device = CPU) -> Tensor:
    """A random orthogonal matrix, ``(size, size)``."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(size, size, dtype=torch.float64, generator=generator)
    return torch.linalg.qr(draw).Q.to(device)


def symmetric(
    eigenvalues: list[float] | Tensor, seed: int = 0, device: torch.device = CPU
) -> Tensor:
    """A matrix with these eigenvalues and random eigenvectors, ``(size, size)``."""
    values = torch.as_tensor(eigenvalues, dtype=torch.float64)
    vectors = rotation(len(values), seed)
    matrix = (vectors * values) @ vectors.T
    return ((matrix + matrix.T) / 2).to(device)


def vectors(runs: int, size: int, seed: int = 1, device: torch.device = CPU) -> Tensor:
    """Normal random vectors, ``(runs, size)``."""
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(runs, size, dtype=torch.float64, generator=generator)
    return draws.to(device)
