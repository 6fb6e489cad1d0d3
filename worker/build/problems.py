"""Problems from their specifications."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor, nn

from service.schemas import problems as p
from service.schemas.specifications import Specification
from worker.build.buffers import buffers_of
from worker.build.datasets import samples_of
from worker.build.networks import network
from worker.datasets.samples import Dataset
from worker.linalg.operators import SymmetricOperator
from worker.networks import architectures, layers, weights as files
from worker.networks.buffers import with_buffers
from worker.networks.weights import ParameterLayout
from worker.objectives.base import Objective
from worker.objectives.closed_forms.analytic import AnalyticCriticalPoints
from worker.objectives.closed_forms.linear_autoencoder import (
    LinearAutoencoderObjective,
    autoencoder_samples,
)
from worker.objectives.closed_forms.polynomial import PolynomialObjective
from worker.objectives.network import NetworkObjective


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A problem, ready to be searched.

    Attributes:
        objective: The loss.
        layout: Names and shapes of its parameters.
        parameter_map: Our names to the uploaded ones, where they differ.
        buffers: What the points have beside their parameters, by our names.
        dataset: As the objective sees it, where there is one.
        uploaded: Uploaded points, ``(points, parameters)``, where there are any.
        network: The network, where there is one to be initialised.
        analytic: All critical points, where they are known.
        gauss_newton: Gauss-Newton matrices at points, where there are any.
        least_of_gauss_newton: What none of their eigenvalues is below.
        smallest_of_gauss_newton: What so many of the smallest eigenvalues of a block of
            this order are known to be, where that is known.
        warnings: What to beware of.
    """

    objective: Objective
    layout: ParameterLayout
    warnings: list[str]
    parameter_map: files.Sources | None = None
    buffers: Mapping[str, Tensor] | None = None
    dataset: Dataset | None = None
    uploaded: Tensor | None = None
    network: nn.Module | None = None
    analytic: AnalyticCriticalPoints | None = None
    gauss_newton: Callable[[Tensor], SymmetricOperator] | None = None
    least_of_gauss_newton: float = 0.0
    smallest_of_gauss_newton: Callable[[int, int], float | None] | None = None


def problem(
    specification: Specification,
    *,
    weights: Path | None,
    dataset: Path | None,
    starts: Sequence[int],
    device: torch.device,
    memory_budget_bytes: int,
) -> Built:
    """The problem of a specification.

    Args:
        specification: What is asked for.
        weights: Uploaded weights, where it names them.
        dataset: Uploaded data set, where it names one.
        starts: Numbers of the starts that it is built for.
        device: Where to compute.
        memory_budget_bytes: What evaluations may take.

    Returns:
        The problem, in the specification's precision.
    """
    dtype = _dtype(specification)
    match specification.problem:
        case p.NetworkProblem() as spec:
            module = network(spec.architecture)
            buffers = buffers_of(module, spec, weights, specification.starts, starts)
            samples = samples_of(spec.dataset, dataset, specification.seed)
            data = _moved(samples.finish(dtype), device)
            objective = NetworkObjective(
                module=with_buffers(module, buffers),
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
                buffers=buffers,
                dataset=data,
                uploaded=_uploaded(
                    spec,
                    weights,
                    objective.layout,
                    dtype,
                    device,
                    buffers=bool(buffers),
                ),
                network=module,
                gauss_newton=objective.gauss_newton,
                least_of_gauss_newton=2.0 * spec.loss.l2,
                smallest_of_gauss_newton=objective.smallest_of_gauss_newton,
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
    template = architectures.sequential(
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
        network=template,
        analytic=objective.critical_points,
        gauss_newton=objective.gauss_newton,
        warnings=objective.warnings,
    )


def _uploaded(
    spec: p.NetworkProblem | p.LinearAutoencoderProblem,
    path: Path | None,
    layout: ParameterLayout,
    dtype: torch.dtype,
    device: torch.device,
    *,
    buffers: bool = False,
) -> Tensor | None:
    if path is None:
        return None
    names = spec.parameter_map
    if names is None and buffers:
        names = {}  # the file holds buffers too
    return files.read(
        path,
        layout,
        parameter_map=names,
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
