"""Losses as sums over samples, so that chunks of a data set add up exactly."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


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


LOSSES: dict[str, Loss] = {"mse": mse, "cross_entropy": cross_entropy}
