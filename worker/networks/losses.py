"""Losses as sums over samples, so that chunks of a data set add up exactly.

Beside each stands its curvature: the Hessian with respect to the outputs, by products.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
Curvature = Callable[[Tensor, Tensor], Tensor]


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Sum over samples of the mean squared error over a sample's entries."""
    entries = outputs[0].numel()
    return functional.mse_loss(outputs, targets, reduction="sum") / entries


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Sum over samples of the mean cross-entropy at a sample's positions.

    Args:
        outputs: ``(n, classes)``, or ``(n, positions, classes)``.
        targets: Integer classes ``(n,)``, or ``(n, positions)``.

    Returns:
        A number.
    """
    entries = targets[0].numel()
    summed = functional.cross_entropy(
        outputs.flatten(0, -2), targets.flatten(), reduction="sum"
    )
    return summed / entries


def mse_curvature(outputs: Tensor, directions: Tensor) -> Tensor:
    """Products of the Hessian of `mse` with respect to the outputs.

    Args:
        outputs: Of a batch of runs, ``(runs, n, ...)``.
        directions: ``(..., runs, n, ...)``.

    Returns:
        Products like the directions.
    """
    return directions * (2.0 / outputs[0, 0].numel())


def cross_entropy_curvature(outputs: Tensor, directions: Tensor) -> Tensor:
    """Products of the Hessian of `cross_entropy` with respect to the outputs.

    At every position that is ``diag(p) - p p^T`` with the probabilities ``p``, the
    Fisher information of the classes; it does not depend on the targets.

    Args:
        outputs: Of a batch of runs, ``(runs, n, ..., classes)``.
        directions: ``(..., runs, n, ..., classes)``.

    Returns:
        Products like the directions.
    """
    p = outputs.softmax(-1)
    weighted = p * directions
    products = weighted - p * weighted.sum(-1, keepdim=True)
    return products / outputs[0, 0, ..., 0].numel()


LOSSES: dict[str, Loss] = {"mse": mse, "cross_entropy": cross_entropy}
CURVATURES: dict[str, Curvature] = {
    "mse": mse_curvature,
    "cross_entropy": cross_entropy_curvature,
}
