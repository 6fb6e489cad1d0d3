"""Starts along one full-batch training run, uniform in loss.

Training is run once to record the losses, and the steps whose losses are nearest to
equidistant levels are chosen. Where the whole trajectory is too large to be kept, the
run is repeated, which is deterministic, and the chosen points are kept on the way.

References:
    Frye et al., Critical Point-Finding Methods Reveal Gradient-Flat Regions of Deep
    Network Losses, Neural Computation 33, 2021, section 2.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import final

import torch
from torch import Tensor

from worker.errors import RunError
from worker.objectives.base import Objective
from worker.starts.noise import perturb
from worker.starts.optimizers import Update

OnStep = Callable[[int, int], bool]
"""Told the steps done and the steps in all; false ends the training."""

_KEPT_BYTES = 2**26


@final
class TrainingStopped(Exception):
    """Training was told to stop before its starts were known."""


def trajectory_starts(
    objective: Objective,
    initial: Tensor,
    indices: Sequence[int],
    *,
    count: int,
    optimizer: Callable[[], Update],
    steps: int,
    noise_variance: float,
    noisy_fraction: float,
    seed: int,
    on_step: OnStep | None = None,
    kept_bytes: int = _KEPT_BYTES,
) -> Tensor:
    """Points of a training run at equidistant losses, a share of them with noise.

    A training run whose loss or gradient ceases to be finite is a RunError
    (``training_diverged``); one that ``on_step`` ends is a TrainingStopped.

    Args:
        objective: What is trained.
        initial: Where training begins, ``(parameters,)``.
        indices: Numbers of the starts wanted.
        count: Number of starts in all; start 0 has the largest loss.
        optimizer: Makes the update rule afresh for each run.
        steps: Updates made.
        noise_variance: Variance of the noise on every parameter of a noisy start.
        noisy_fraction: Share of noisy starts, spread evenly over the numbers.
        seed: The job's seed.
        on_step: Watches the training, and may end it.
        kept_bytes: Size up to which the whole trajectory is kept.

    Returns:
        Starts, ``(len(indices), parameters)``.
    """
    keep_all = (steps + 1) * initial.numel() * initial.element_size() <= kept_bytes
    runs = 1 if keep_all else 2
    losses: list[Tensor] = []
    points: list[Tensor] = []
    for step, (theta, loss) in enumerate(
        _train(objective, initial, optimizer(), steps)
    ):
        losses.append(loss)
        if keep_all:
            points.append(theta)
        _tell(on_step, step, runs * steps)
    chosen = steps_at_levels(torch.stack(losses), count)[list(indices)].tolist()
    kept = {step: points[step] for step in chosen} if keep_all else {}
    if not keep_all:
        wanted = set(chosen)
        again = _train(objective, initial, optimizer(), max(chosen))
        for step, (theta, _) in enumerate(again):
            if step in wanted:
                kept[step] = theta
            _tell(on_step, steps + step, runs * steps)
    theta = torch.stack([kept[step] for step in chosen])
    noisy = [
        row for row, index in enumerate(indices) if is_noisy(index, noisy_fraction)
    ]
    numbers = [indices[row] for row in noisy]
    theta[noisy] = perturb(theta[noisy], numbers, seed=seed, variance=noise_variance)
    return theta


def steps_at_levels(losses: Tensor, count: int) -> Tensor:
    """The steps whose losses are nearest to ``count`` equidistant levels, descending.

    The levels are the midpoints of ``count`` equal intervals between the largest and
    the smallest loss.

    Args:
        losses: Along the trajectory, ``(steps + 1,)``.
        count: Number of levels.

    Returns:
        Numbers of steps, ``(count,)``.
    """
    high, low = losses.max(), losses.min()
    shares = (
        torch.arange(count, dtype=losses.dtype, device=losses.device) + 0.5
    ) / count
    levels = high - shares * (high - low)
    ordered, order = losses.sort(stable=True)
    above = torch.searchsorted(ordered, levels).clamp(1, len(losses) - 1)
    nearer_below = levels - ordered[above - 1] <= ordered[above] - levels
    return order[torch.where(nearer_below, above - 1, above)]


def is_noisy(index: int, fraction: float) -> bool:
    """Whether a start is one of the noisy ones, which are spread evenly."""
    return int((index + 1) * fraction) > int(index * fraction)


def _train(
    objective: Objective, initial: Tensor, update: Update, steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Points and losses before each update, and after the last."""
    theta = initial
    for step in range(steps + 1):
        value, gradient = objective.gradient(theta[None])
        if not (value.isfinite() & gradient.isfinite().all()):
            message = f"training ceased to be finite at step {step}"
            raise RunError("training_diverged", message)
        yield theta, value[0]
        theta = update(theta, gradient[0])


def _tell(on_step: OnStep | None, done: int, total: int) -> None:
    if on_step is not None and not on_step(done, total):
        raise TrainingStopped
