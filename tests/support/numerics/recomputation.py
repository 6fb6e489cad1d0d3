"""Independent recomputation of what a report says of a point, in plain torch and numpy.

It starts from ``points.safetensors`` and a loss written out by the test, and shares no
code with the worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

Parameters = dict[str, torch.Tensor]
Loss = Callable[[Parameters], torch.Tensor]


@dataclass(frozen=True)
class Recomputed:
    loss: float
    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def squared_gradient_norm(self) -> float:
        return float(self.gradient @ self.gradient)

    @property
    def eigenvalues(self) -> np.ndarray:
        return np.linalg.eigvalsh(self.hessian)


def recompute(points: Path, loss: Loss) -> list[Recomputed]:
    """Loss, gradient and dense Hessian at every point of a file."""
    tensors = load_file(points)
    names = sorted(tensors)
    shapes = [tensors[name].shape[1:] for name in names]
    count = tensors[names[0]].shape[0]

    def of_flat(theta: torch.Tensor) -> torch.Tensor:
        pieces = theta.split([shape.numel() for shape in shapes])
        named = zip(names, pieces, shapes, strict=True)
        return loss({name: piece.reshape(shape) for name, piece, shape in named})

    found = []
    for row in range(count):
        theta = torch.cat([tensors[name][row].double().flatten() for name in names])
        hessian = torch.func.jacrev(torch.func.jacrev(of_flat))(theta)
        found.append(
            Recomputed(
                loss=float(of_flat(theta)),
                gradient=torch.func.grad(of_flat)(theta).numpy(),
                hessian=hessian.numpy(),
            )
        )
    return found


def relative_residual(
    hessian: np.ndarray, gradient: np.ndarray, *, rtol: float = 5e-4
) -> float:
    """r of the minimum-residual, minimum-length Krylov step, stopped as MINRES-QLP is.

    Every iterate is an explicit least-squares solution in the Krylov space; directions
    beyond a condition of 1e7 are left out, one beyond a norm of 1e4 is not taken.
    The published algorithm knows the co-kernel residual of an iterate one step later.
    """
    size = len(gradient)
    norm = np.linalg.norm(gradient)
    basis = (-gradient / norm)[:, None]
    residual = gradient
    step = np.zeros(size)
    previous = np.inf
    for _ in range(min(4 * size, 1000)):
        image = hessian @ basis
        scale = np.linalg.norm(image, 2)
        coordinates, *_ = np.linalg.lstsq(image, -gradient, rcond=1e-7)
        if np.linalg.norm(coordinates) > 1e4:
            break
        step = basis @ coordinates
        residual = hessian @ step + gradient
        left = np.linalg.norm(residual)
        system = left / (scale * np.linalg.norm(step) + norm)
        fresh = hessian @ basis[:, -1]
        for _ in range(2):
            fresh -= basis @ (basis.T @ fresh)
        if (
            min(system, previous / scale) <= rtol
            or np.linalg.norm(fresh) <= 1e-10 * scale
        ):
            break
        previous = np.linalg.norm(hessian @ residual) / left
        basis = np.column_stack([basis, fresh / np.linalg.norm(fresh)])
    frobenius = np.linalg.norm(hessian)
    return float(np.linalg.norm(residual) / (frobenius * np.linalg.norm(step) + norm))
