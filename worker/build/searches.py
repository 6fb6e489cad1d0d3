"""Starts and finders from their specifications."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

from torch import Tensor

from service.schemas import finders as f, starts as s
from service.schemas.specifications import Specification
from worker.build.needs import needed
from worker.build.problems import Built
from worker.datasets.randomness import generator
from worker.errors import RunError
from worker.finders.base import Finder
from worker.finders.damped_newton import DampedNewton
from worker.finders.gradient_norm import GradientNorm
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.loop.hessians import HessianChoice
from worker.finders.newton_mr import NewtonMr
from worker.networks.initialisation import initialise
from worker.starts import optimizers
from worker.starts.box import box_starts
from worker.starts.explicit import explicit_starts
from worker.starts.random import random_starts
from worker.starts.trajectory import OnStep, trajectory_starts
from worker.starts.weights import weights_starts


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFinder:
    """A finder and what the search with it is told.

    Attributes:
        finder: How steps are made.
        max_iterations: Steps that a run may take.
        hessian: Whether Hessians are formed.
    """

    finder: Finder
    max_iterations: int
    hessian: HessianChoice


def starts(
    specification: Specification,
    built: Built,
    indices: Sequence[int],
    *,
    on_step: OnStep | None = None,
) -> Tensor:
    """Starts with the given numbers.

    Args:
        specification: What is asked for.
        built: Its problem.
        indices: Numbers of the starts wanted.
        on_step: Watches the training of a trajectory, and may end it.

    Returns:
        Starts, ``(len(indices), parameters)``, in the objective's precision.

    Raises:
        RunError: If they are not points of the problem (``starts_invalid``).
    """
    seed = specification.seed
    match specification.starts:
        case s.WeightsStarts() as spec:
            theta = weights_starts(
                needed(built.uploaded),
                indices,
                seed=seed,
                noise_variance=spec.noise_variance,
            )
        case s.RandomStarts():
            theta = random_starts(
                partial(initialise, needed(built.network)), indices, seed=seed
            )
        case s.TrajectoryStarts() as spec:
            theta = _trajectory(spec, built, indices, seed, on_step)
        case s.ExplicitStarts() as spec:
            theta = explicit_starts(spec.points, indices)
        case s.BoxStarts() as spec:
            theta = box_starts(spec.low, spec.high, indices, seed=seed)
    if theta.shape[1] != built.objective.parameters:
        message = (
            f"starts of {theta.shape[1]} numbers for {built.objective.parameters}"
            " parameters"
        )
        raise RunError("starts_invalid", message)
    return theta.to(built.objective.device, built.objective.dtype)


def finder(specification: f.Finder) -> BuiltFinder | None:
    """The finder; None where the starts are classified as they are."""
    match specification:
        case f.NewtonMrFinder() as spec:
            return BuiltFinder(
                finder=NewtonMr(
                    rtol=spec.rtol,
                    max_krylov_iterations=spec.max_krylov_iterations,
                    step_size=spec.step_size,
                    backtracking_factor=spec.backtracking_factor,
                    sufficient_decrease=spec.sufficient_decrease,
                    full_step_decrease=spec.full_step_decrease,
                    max_step_norm=spec.max_step_norm,
                    max_condition=spec.max_condition,
                    safeguards=spec.safeguards,
                ),
                max_iterations=spec.max_iterations,
                hessian=spec.hessian,
            )
        case f.DampedNewtonFinder() as spec:
            return BuiltFinder(
                finder=DampedNewton(dampings=tuple(spec.dampings)),
                max_iterations=spec.max_iterations,
                hessian=spec.hessian,
            )
        case f.GradientNormFinder() as spec:
            return BuiltFinder(
                finder=GradientNorm(
                    method=spec.method,
                    learning_rate=spec.learning_rate,
                    momentum=spec.momentum,
                    criterion=spec.criterion,
                ),
                max_iterations=spec.max_iterations,
                hessian="auto",
            )
        case f.LevenbergMarquardtFinder() as spec:
            return BuiltFinder(
                finder=LevenbergMarquardt(regularisation=spec.regularisation),
                max_iterations=spec.max_iterations,
                hessian=spec.hessian,
            )
        case f.NoFinder():
            return None


def _trajectory(
    spec: s.TrajectoryStarts,
    built: Built,
    indices: Sequence[int],
    seed: int,
    on_step: OnStep | None,
) -> Tensor:
    if built.uploaded is not None:
        initial = built.uploaded[0]
    else:
        initial = initialise(needed(built.network), generator(seed, "trajectory"))
    return trajectory_starts(
        built.objective,
        initial.to(built.objective.device, built.objective.dtype),
        indices,
        count=spec.count,
        optimizer=_optimizer(spec),
        steps=spec.steps,
        noise_variance=spec.noise_variance,
        noisy_fraction=spec.noisy_fraction,
        seed=seed,
        on_step=on_step,
    )


def _optimizer(spec: s.TrajectoryStarts) -> Callable[[], optimizers.Update]:
    match spec.optimizer:
        case "gradient_descent":
            return partial(
                optimizers.gradient_descent, learning_rate=spec.learning_rate
            )
        case "momentum":
            return partial(
                optimizers.momentum,
                learning_rate=spec.learning_rate,
                momentum=spec.momentum,
            )
        case "adam":
            return partial(optimizers.adam, learning_rate=spec.learning_rate)
