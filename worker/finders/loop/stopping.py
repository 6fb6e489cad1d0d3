"""When a run has nothing more to gain."""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.finders.base import STATIONARY, Finder, Point, Step
from worker.objectives.rounding import gradient_error, in_kernel

Monitor = dict[str, Tensor]
"""What the rules remember of each run, ``(runs,)`` each."""

_FLATTER = 0.1  # before another attempt to settle
_NOISE = 4  # units of sqrt eps in |H g| where rounding hides a fall of |g|^2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRules:
    """Thresholds of the loop's own stops.

    Below the cut-off a run is polished for as long as ``|g|^2`` keeps falling by
    ``polish_factor`` within ``polish_patience`` iterations, until it reaches the
    rounding errors of a gradient. Above it, within ``stagnation_patience`` iterations
    ``|g|^2`` must fall by ``stagnation_factor``, or ``|H g| / (|H| |g|)`` by
    ``flatness_factor``: near a gradient-flat point only the latter still falls.
    Newton-MR crosses flat regions in tiny steps and converges afterwards, so this is
    lenient: all of 83 runs that converged on linear autoencoders fell to 0.53 or less
    of ``|g|^2`` in any 100 iterations.

    Attributes:
        squared_gradient_norm_cutoff: Below it a point is critical.
        polish_factor: See above.
        polish_patience: See above.
        stagnation_factor: See above.
        stagnation_patience: See above.
        flatness_factor: See above.
        settles_below: ``|H g| / (|H| |g|)`` below which a run is taken to a flat point.
        stationarity_tolerance: ``|H g| / (|H| |g|)`` below which the gradient counts as
            in the kernel; more where the precision does not show as little.
        stationarity_patience: Successive iterations for which it must be.
    """

    squared_gradient_norm_cutoff: float
    polish_factor: float = 0.1
    polish_patience: int = 4
    stagnation_factor: float = 0.95
    stagnation_patience: int = 100
    flatness_factor: float = 0.5
    settles_below: float = STATIONARY
    stationarity_tolerance: float = STATIONARY
    stationarity_patience: int = 5

    @classmethod
    def of(cls, finder: Finder, *, squared_gradient_norm_cutoff: float) -> Self:
        """The rules for a finder."""
        return cls(
            squared_gradient_norm_cutoff=squared_gradient_norm_cutoff,
            polish_patience=max(4, finder.patience // 25),
            stagnation_patience=finder.patience,
            settles_below=finder.settles_below,
        )

    def start(self, theta: Tensor) -> Monitor:
        """What is remembered at the starts, ``theta`` of ``(runs, parameters)``."""
        counter = theta.new_zeros(len(theta), dtype=torch.int64)
        return {
            "reference": theta.new_full((len(theta),), torch.inf),
            "flatness": theta.new_full((len(theta),), torch.inf),
            "unsettled": theta.new_full((len(theta),), torch.inf),
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
        # In single precision the rounding errors may lie above the cut-off.
        floor = squared_gradient_norm <= monitor["floor"]
        last = below | floor
        factor = torch.where(last, self.polish_factor, self.stagnation_factor)
        crossed = below & ~self.below(reference)
        fell = crossed | (squared_gradient_norm <= factor * reference)
        stalled = torch.where(fell, 0, monitor["stalled"] + 1)
        monitor["stalled"] = stalled
        monitor["reference"] = torch.where(fell, squared_gradient_norm, reference)
        patience = torch.where(last, self.polish_patience, self.stagnation_patience)
        return (stalled >= patience) | (below & floor)

    def may_settle(self, point: Point, step: Step, monitor: Monitor) -> Tensor:
        """Whether to look for a gradient-flat point nearby, ``(runs,)`` bool.

        Args:
            point: The iterates.
            step: Their finder's steps.
            monitor: Tells how flat the gradient was when none was found; it must be
                much flatter now.

        Returns:
            Where the gradient is flat, and neither zero nor in the kernel already.
        """
        limit = (_FLATTER * monitor["unsettled"]).clamp(max=self.settles_below)
        above = ~self.below(point.squared_gradient_norm)
        return (
            above & ~gradient_in_kernel(point, step) & (_flatness(point, step) <= limit)
        )

    def note_refusals(
        self, point: Point, step: Step, monitor: Monitor, rows: Tensor
    ) -> None:
        """Notes how flat the gradients were of runs that did not settle."""
        monitor["unsettled"][rows] = _flatness(point, step)[rows]

    def stationary(self, point: Point, step: Step, monitor: Monitor) -> Tensor:
        """Notes ``H g``; true where it has been small for long, or no step is left."""
        eps = torch.finfo(point.theta.dtype).eps
        error = gradient_error(step.hessian_norm, point.theta)
        monitor["floor"] = error.square()
        flatness = _flatness(point, step)
        flatter = flatness <= self.flatness_factor * monitor["flatness"]
        monitor["flatness"] = torch.where(flatter, flatness, monitor["flatness"])
        renewed = flatter & ~self.below(point.squared_gradient_norm)
        monitor["stalled"] = torch.where(renewed, 0, monitor["stalled"])
        small = flatness <= max(self.stationarity_tolerance, _NOISE * eps**0.5)
        count = torch.where(small, monitor["stationary"] + 1, 0)
        monitor["stationary"] = count
        for_long = small & ((count >= self.stationarity_patience) | ~step.accepted)
        return for_long | gradient_in_kernel(point, step)


def _flatness(point: Point, step: Step) -> Tensor:
    """``|H g| / (|H| |g|)``, ``(runs,)``."""
    image = point.hessian_gradient.norm(dim=1)
    return image / point.gradient.norm(dim=1) / step.hessian_norm


def gradient_in_kernel(point: Point, step: Step) -> Tensor:
    """Whether ``H g`` is nothing but rounding errors, ``(runs,)`` bool."""
    return in_kernel(
        point.gradient, point.hessian_gradient, step.hessian_norm, point.theta
    )
