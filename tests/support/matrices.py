"""Symmetric matrices of given spectra."""

import torch
from torch import Tensor


def rotation(size: int, seed: int) -> Tensor:
    """A random orthogonal matrix, ``(size, size)``."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(size, size, dtype=torch.float64, generator=generator)
    return torch.linalg.qr(draw).Q


def symmetric(eigenvalues: list[float] | Tensor, seed: int = 0) -> Tensor:
    """A matrix with these eigenvalues and random eigenvectors, ``(size, size)``."""
    values = torch.as_tensor(eigenvalues, dtype=torch.float64)
    vectors = rotation(len(values), seed)
    matrix = (vectors * values) @ vectors.T
    return (matrix + matrix.T) / 2


def vectors(runs: int, size: int, seed: int = 1) -> Tensor:
    """Normal random vectors, ``(runs, size)``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(runs, size, dtype=torch.float64, generator=generator)
