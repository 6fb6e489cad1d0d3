"""What one method made of some starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.objectives.closed_forms.linear_autoencoder import LinearAutoencoderObjective
from worker.reports.intervals import wilson

CRITICAL = 1e-10  # |g|^2 below which a point counts as critical
_ZERO = 1e-5  # size below which an eigenvalue counts as zero
_LOSS_ERROR = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One method on some starts.

    Attributes:
        theta: Where the runs ended, ``(runs, 128)``.
        found: Whether the gradient vanishes there, ``(runs,)`` bool.
        matched: Whether the point is an analytic one, in loss and index, ``(runs,)``.
        index: Negative eigenvalues there, ``(runs,)`` integers.
        iterations: Steps of each run, ``(runs,)`` integers.
        gradients: Gradients evaluated in all.
        products: Hessian products in all, those with formed Hessians not included.
        hessians: Hessians formed in all.
        wall_s: Seconds in all.
        cpu_s: Seconds of processor time in all.
    """

    theta: Tensor
    found: Tensor
    matched: Tensor
    index: Tensor
    iterations: Tensor
    gradients: int
    products: int
    hessians: int
    wall_s: float
    cpu_s: float

    @property
    def runs(self) -> int:
        """Number of starts."""
        return len(self.found)

    @property
    def successes(self) -> int:
        """Number of critical points found."""
        return int(self.found.sum())

    @property
    def wall_s_per_success(self) -> float | None:
        """Seconds for each critical point found; None if there is none."""
        return self.wall_s / self.successes if self.successes else None

    @property
    def cpu_s_per_success(self) -> float | None:
        """Processor seconds for each critical point found; None if there is none."""
        return self.cpu_s / self.successes if self.successes else None

    def row(self, method: str) -> dict[str, float | int | str | None]:
        """The figures of a table's row."""
        share = wilson(self.successes, self.runs)
        return {
            "method": method,
            "starts": self.runs,
            "successes": self.successes,
            "success": share and round(share.value, 4),
            "low": share and round(share.low, 4),
            "high": share and round(share.high, 4),
            "analytic": int((self.found & self.matched).sum()),
            "iterations_mean": float(self.iterations.double().mean()),
            "iterations_max": int(self.iterations.max()),
            "hessians": self.hessians,
            "products": self.products,
            "gradients": self.gradients,
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "wall_s_per_success": self.wall_s_per_success,
            "cpu_s_per_success": self.cpu_s_per_success,
        }


def joined(trials: Sequence[Trial]) -> Trial:
    """Several lots of starts as one."""
    return Trial(
        theta=torch.cat([each.theta for each in trials]),
        found=torch.cat([each.found for each in trials]),
        matched=torch.cat([each.matched for each in trials]),
        index=torch.cat([each.index for each in trials]),
        iterations=torch.cat([each.iterations for each in trials]),
        gradients=sum(each.gradients for each in trials),
        products=sum(each.products for each in trials),
        hessians=sum(each.hessians for each in trials),
        wall_s=sum(each.wall_s for each in trials),
        cpu_s=sum(each.cpu_s for each in trials),
    )


def examine(
    objective: LinearAutoencoderObjective, theta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What is at the ends of runs, whoever made them.

    Args:
        objective: The loss, with its analytic critical points.
        theta: The ends, ``(runs, 128)``.

    Returns:
        Whether the gradient vanishes, whether loss and number of negative eigenvalues
        are those of an analytic critical point, and that number; ``(runs,)`` each.
    """
    at = objective.linearise(theta)
    found = at.gradient.square().sum(1) < CRITICAL
    index = (torch.linalg.eigvalsh(at.hessian.dense()) < -_ZERO).sum(1)
    matches = objective.critical_points.nearest(at.value, theta)
    matched = [
        match.relative_loss_error < _LOSS_ERROR
        and match.point.negative_eigenvalues == negative
        for match, negative in zip(matches, index.tolist(), strict=True)
    ]
    return found, torch.tensor(matched, device=theta.device), index
