"""When a run has nothing more to gain."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.finders.base import Point, Step

Monitor = dict[str, Tensor]
"""What the rules remember of each run, ``(runs,)`` each."""


_ROUNDINGS = 4  # units of eps |H| |theta| in a gradient's error


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRules:
    """Thresholds of the loop's own stops.

    Below the cut-off a run is polished for as long as ``|g|^2`` keeps falling by
    ``polish_factor`` within ``polish_patience`` iterations, until it reaches the
    rounding errors of a gradient. Above it, a run must fall by ``stagnation_factor``
    within ``stagnation_patience`` iterations. Newton-MR crosses flat regions in tiny
    steps and converges afterwards, so this is lenient: all of 83 runs that converged
    on linear autoencoders fell to 0.53 or less of ``|g|^2`` in any 100 iterations.

    Attributes:
        squared_gradient_norm_cutoff: Below it a point is critical.
        polish_factor: See above.
        polish_patience: See above.
        stagnation_factor: See above.
        stagnation_patience: See above.
        stationarity_tolerance: ``|H g| / (|H| |g|)`` below which the gradient counts as
            in the kernel.
        stationarity_patience: Successive iterations for which it must be.
    """

    squared_gradient_norm_cutoff: float
    polish_factor: float = 0.1
    polish_patience: int = 4
    stagnation_factor: float = 0.95
    stagnation_patience: int = 100
    stationarity_tolerance: float = 1e-6
    stationarity_patience: int = 5

    def start(self, theta: Tensor) -> Monitor:
        """What is remembered at the starts, ``theta`` of ``(runs, parameters)``."""
        counter = theta.new_zeros(len(theta), dtype=torch.int64)
        return {
            "reference": theta.new_full((len(theta),), torch.inf),
            "floor": theta.new_zeros(len(theta)),
            "stalled": counter,
            "stationary": counter.clone(),
        }

    def below(self, squared_gradient_norm: Tensor) -> Tensor:
        """Whether the gradient counts as zero, ``(runs,)`` bool."""
        return squared_gradient_norm < self.squared_gradient_norm_cutoff

    def fallen(self, squared_gradient_norm: Tensor, monitor: Monitor) -> Tensor:
        """Notes new values of ``|g|^2``; true where they no longer fall."""
        reference = monitor["reference"]
        below = self.below(squared_gradient_norm)
        factor = torch.where(below, self.polish_factor, self.stagnation_factor)
        crossed = below & ~self.below(reference)
        fell = crossed | (squared_gradient_norm <= factor * reference)
        stalled = torch.where(fell, 0, monitor["stalled"] + 1)
        monitor["stalled"] = stalled
        monitor["reference"] = torch.where(fell, squared_gradient_norm, reference)
        patience = torch.where(below, self.polish_patience, self.stagnation_patience)
        floor = below & (squared_gradient_norm <= monitor["floor"])
        return (stalled >= patience) | floor

    def stationary(self, point: Point, step: Step, monitor: Monitor) -> Tensor:
        """Notes ``H g``; true where it has been small for long, or no step is left."""
        eps = torch.finfo(point.theta.dtype).eps
        rounding = _ROUNDINGS * eps * step.hessian_norm * point.theta.norm(dim=1)
        monitor["floor"] = rounding.square()
        scale = step.hessian_norm * point.gradient.norm(dim=1)
        image = point.hessian_gradient.norm(dim=1)
        small = image <= self.stationarity_tolerance * scale
        count = torch.where(small, monitor["stationary"] + 1, 0)
        monitor["stationary"] = count
        return small & ((count >= self.stationarity_patience) | ~step.accepted)
