"""Specifications to objects, one exhaustive match for each union."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from service.schemas import (
    architectures as a,
    datasets as d,
    finders as f,
    problems as p,
    starts as s,
)
from service.schemas.specifications import Specification
from worker.datasets import sources, transforms
from worker.datasets.randomness import generator
from worker.datasets.samples import Dataset, Samples
from worker.errors import RunError
from worker.finders.base import Finder
from worker.finders.newton_mr import NewtonMr
from worker.networks import architectures, layers, weights as files
from worker.networks.activations import activation
from worker.networks.initialisation import initialise
from worker.networks.weights import ParameterLayout
from worker.objectives.analytic import AnalyticCriticalPoints
from worker.objectives.base import Objective
from worker.objectives.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.network import NetworkObjective
from worker.objectives.polynomial import PolynomialObjective
from worker.starts import optimizers
from worker.starts.box import box_starts
from worker.starts.explicit import explicit_starts
from worker.starts.random import random_starts
from worker.starts.trajectory import OnStep, trajectory_starts
from worker.starts.weights import weights_starts

_Part = TypeVar("_Part")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A problem, ready to be searched.

    Attributes:
        objective: The loss.
        layout: Names and shapes of its parameters.
        parameter_map: The layout's names to the uploaded ones, where they differ.
        dataset: As the objective sees it, where there is one.
        uploaded: Uploaded points, ``(points, parameters)``, where there are any.
        network: The network, where there is one to be initialised.
        analytic: All critical points, where they are known.
        warnings: What to beware of.
    """

    objective: Objective
    layout: ParameterLayout
    warnings: list[str]
    parameter_map: dict[str, str] | None = None
    dataset: Dataset | None = None
    uploaded: Tensor | None = None
    network: nn.Module | None = None
    analytic: AnalyticCriticalPoints | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltFinder:
    """A finder and the number of steps it may take."""

    finder: Finder
    max_iterations: int


def problem(
    specification: Specification,
    *,
    weights: Path | None,
    dataset: Path | None,
    device: torch.device,
    memory_budget_bytes: int,
) -> Built:
    """The problem of a specification.

    Args:
        specification: What is asked for.
        weights: Uploaded weights, where it names them.
        dataset: Uploaded data set, where it names one.
        device: Where to compute.
        memory_budget_bytes: What evaluations may take.

    Returns:
        The problem, in the specification's precision.
    """
    dtype = _dtype(specification)
    match specification.problem:
        case p.NetworkProblem() as spec:
            module = _architecture(spec.architecture)
            samples = _dataset(spec.dataset, dataset, specification.seed)
            data = _moved(samples.finish(dtype), device)
            objective = NetworkObjective(
                module=module,
                x=data.x,
                y=data.y,
                loss=spec.loss.kind,
                l2=spec.loss.l2,
                memory_budget_bytes=memory_budget_bytes,
            )
            return Built(
                objective=objective,
                layout=objective.layout,
                parameter_map=spec.parameter_map,
                dataset=data,
                uploaded=_uploaded(spec, weights, objective.layout, dtype, device),
                network=module,
                warnings=objective.warnings,
            )
        case p.LinearAutoencoderProblem() as spec:
            return _linear_autoencoder(spec, weights, specification.seed, dtype, device)
        case p.PolynomialProblem() as spec:
            objective = PolynomialObjective(
                coefficients=[term.coefficient for term in spec.terms],
                powers=[term.powers for term in spec.terms],
                dtype=dtype,
                device=device,
            )
            return Built(
                objective=objective,
                layout=objective.layout,
                warnings=objective.warnings,
            )


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
                _needed(built.uploaded),
                indices,
                seed=seed,
                noise_variance=spec.noise_variance,
            )
        case s.RandomStarts():
            theta = random_starts(
                partial(initialise, _needed(built.network)), indices, seed=seed
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
                ),
                max_iterations=spec.max_iterations,
            )
        case f.NoFinder():
            return None


def _linear_autoencoder(
    spec: p.LinearAutoencoderProblem,
    weights: Path | None,
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Built:
    samples = autoencoder_samples(
        input_size=spec.input_size, samples=spec.samples, seed=seed
    )
    data = _moved(samples.finish(dtype), device)
    objective = LinearAutoencoderObjective(x=data.x, hidden_size=spec.hidden_size)
    network = architectures.sequential(
        [
            layers.linear(spec.input_size, spec.hidden_size, bias=False),
            layers.linear(spec.hidden_size, spec.input_size, bias=False),
        ]
    )
    return Built(
        objective=objective,
        layout=objective.layout,
        parameter_map=spec.parameter_map,
        dataset=data,
        uploaded=_uploaded(spec, weights, objective.layout, dtype, device),
        network=network,
        analytic=objective.critical_points,
        warnings=objective.warnings,
    )


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
        initial = initialise(_needed(built.network), generator(seed, "trajectory"))
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


def _architecture(spec: a.Architecture) -> nn.Module:
    match spec:
        case a.MlpArchitecture():
            return architectures.mlp(spec.sizes, spec.activation, bias=spec.bias)
        case a.SequentialArchitecture():
            return architectures.sequential([_layer(layer) for layer in spec.layers])


def _layer(spec: a.Layer) -> nn.Module:  # noqa: PLR0911 - one return for each kind
    match spec:
        case a.LinearLayer():
            return layers.linear(spec.in_features, spec.out_features, bias=spec.bias)
        case a.Conv2dLayer():
            return layers.conv2d(
                spec.in_channels,
                spec.out_channels,
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                padding=spec.padding,
                bias=spec.bias,
            )
        case a.ActivationLayer():
            return activation(spec.kind)
        case a.FlattenLayer():
            return layers.flatten()
        case a.MaxPool2dLayer():
            return layers.max_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.AvgPool2dLayer():
            return layers.avg_pool2d(
                kernel_size=spec.kernel_size, stride=spec.stride, padding=spec.padding
            )
        case a.LayerNormLayer():
            return layers.layer_norm(
                spec.normalized_shape, eps=spec.eps, affine=spec.affine
            )
        case a.ResidualLayer():
            return layers.Residual(
                [_layer(layer) for layer in spec.layers],
                [_layer(layer) for layer in spec.shortcut],
            )


def _dataset(spec: d.Dataset, path: Path | None, seed: int) -> Samples:
    match spec:
        case d.FileDataset():
            samples = sources.read_file(
                _needed(path), input=spec.input, target=spec.target
            )
        case d.BuiltinDataset():
            samples = sources.builtin(spec.name, target=spec.target)
        case d.GaussianDataset():
            samples = sources.gaussian(
                samples=spec.samples,
                variances=_variances(spec),
                generator=generator(seed, "dataset"),
            )
    for transform in spec.transforms:
        samples = _transform(transform, samples)
    return samples


def _variances(spec: d.GaussianDataset) -> Tensor:
    match spec.covariance:
        case d.LinspaceCovariance(low=low, high=high):
            return sources.linspace_variances(spec.features, low=low, high=high)
        case d.DiagonalCovariance(values=values):
            return sources.diagonal_variances(values, features=spec.features)


def _transform(  # noqa: PLR0911 - one return for each kind
    spec: d.Transform, samples: Samples
) -> Samples:
    match spec:
        case d.CropTransform():
            return transforms.crop(samples, size=spec.size)
        case d.ResizeTransform():
            return transforms.resize(samples, size=spec.size)
        case d.StandardizeTransform():
            return transforms.standardize(samples)
        case d.CenterTransform():
            return transforms.center(samples)
        case d.PcaTransform():
            return transforms.pca(
                samples, components=spec.components, whiten=spec.whiten
            )
        case d.SubsetTransform():
            return transforms.subset(
                samples, count=spec.count, classes=spec.classes, seed=spec.seed
            )
        case d.PermuteLabelsTransform():
            return transforms.permute_labels(samples, seed=spec.seed)
        case d.OneHotTransform():
            return transforms.one_hot(samples, classes=spec.classes)
        case d.FlattenTransform():
            return transforms.flatten(samples)


def _uploaded(
    spec: p.NetworkProblem | p.LinearAutoencoderProblem,
    path: Path | None,
    layout: ParameterLayout,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor | None:
    if path is None:
        return None
    return files.read(
        path,
        layout,
        parameter_map=spec.parameter_map,
        stacked=spec.stacked,
        dtype=dtype,
    ).to(device)


def _moved(data: Dataset, device: torch.device) -> Dataset:
    return Dataset(x=data.x.to(device), y=data.y.to(device))


def _dtype(specification: Specification) -> torch.dtype:
    match specification.precision:
        case "float64":
            return torch.float64
        case "float32":
            return torch.float32


def _needed(part: _Part | None) -> _Part:
    if part is None:
        raise RunError(
            "job_invalid", "the job needs weights, a data set or a network it lacks"
        )
    return part
