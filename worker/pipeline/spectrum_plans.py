"""How a spectrum by products is computed, and what it takes."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from service.schemas.spectra import LanczosSpectrum
from worker.build import Built
from worker.build.matrices import known_smallest, least, matrix_order
from worker.classification.measures import PROBES, STEPS
from worker.linalg.extremes.basis import Storage
from worker.linalg.footprint import Footprint
from worker.pipeline.task import ShardTask
from worker.spectra.footprint import formed_footprint, lanczos_footprint
from worker.spectra.plan import DensityPlan, SpectrumPlan


def density_plan(wanted: LanczosSpectrum) -> DensityPlan | None:
    """How the density is estimated, where it is wanted."""
    if wanted.density is None:
        return None
    return DensityPlan(
        probes=wanted.density.probes,
        steps=wanted.density.steps,
        broadening=wanted.density.broadening,
    )


def serves_classification(wanted: LanczosSpectrum) -> bool:
    """Whether its density tells of Hessians all that their classification asks for."""
    return (
        wanted.matrix == "hessian"
        and wanted.parameters is None
        and wanted.density is not None
        and wanted.density.probes >= PROBES
        and wanted.density.steps >= STEPS
    )


def spectrum_plan(
    task: ShardTask, built: Built, wanted: LanczosSpectrum, starts: Sequence[int]
) -> SpectrumPlan:
    """The plan for some starts.

    Lanczos vectors are kept as the products are made. Where they would take more than
    half of a GPU they are kept on the host, and where one run would take more than the
    memory limit in single precision.

    Args:
        task: The shard.
        built: Its problem.
        wanted: What it asks for.
        starts: Numbers of the starts.

    Returns:
        The plan.
    """
    objective = built.objective
    plan = SpectrumPlan(
        top=wanted.values_at_an_end,
        eigenvectors=wanted.eigenvectors,
        density=density_plan(wanted),
        seed=task.specification.seed,
        starts=starts,
        storage=Storage(dtype=objective.dtype, device=objective.device),
        smallest=known_smallest(wanted, built),
        least=least(wanted, built),
    )
    device, dtype = objective.device, objective.dtype
    each = _lanczos(plan, built, wanted).bytes(1)
    if device.type == "cuda" and each > torch.cuda.mem_get_info(device)[1] // 2:
        device = torch.device("cpu")
    limit = task.memory_limit_bytes or task.memory_budget_bytes
    if each + objective.bytes_needed(1) > limit:
        dtype = torch.float32
    return replace(plan, storage=Storage(dtype=dtype, device=device))


def spectrum_footprint(
    task: ShardTask, built: Built, wanted: LanczosSpectrum
) -> Footprint:
    """What the spectra of a group of points take that no classification forms."""
    order = matrix_order(wanted, built)
    if order <= task.dense_limit:
        objective = built.objective
        return formed_footprint(objective.parameters, order, objective.dtype.itemsize)
    return _lanczos(spectrum_plan(task, built, wanted, ()), built, wanted)


def _lanczos(plan: SpectrumPlan, built: Built, wanted: LanczosSpectrum) -> Footprint:
    objective = built.objective
    return lanczos_footprint(
        plan,
        objective.parameters,
        matrix_order(wanted, built),
        objective.dtype.itemsize,
    )
