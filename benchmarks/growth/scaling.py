"""The benchmark of growth."""

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.growth.jobs import (
    BUDGET,
    PARAMETERS,
    SAMPLES,
    STARTS,
    Axes,
    Case,
)
from benchmarks.results import Result, Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.shards import measured, specification
from benchmarks.stopwatch import alone
from service.operations.limits import limits
from service.resolution.resolution import resolve
from service.settings import Settings as ServiceSettings

SIZES = (STARTS, SAMPLES, PARAMETERS)
TITLES = {
    STARTS: "Classifier 64-8-10 on 500 digits, 610 parameters",
    SAMPLES: "Autoencoder 16-8-16, 280 parameters, 4 starts",
    PARAMETERS: "Classifiers on 100 digits, 1 start, Krylov mode",
    BUDGET: "Autoencoder on 8,000 samples, 16 starts",
}
_MIB = 2**20
_LINEAR = 1.1  # an exponent that still counts as linear
_HOW = "newton_mr, 20 products a solve, no early end"
_READING = (
    "peak: growth of the process (or of what it holds on the GPU) at the peak of the"
    " whole job; estimate: what POST /v1/jobs/validate states"
)
_AXES = {
    "full": Axes(
        starts=(1, 2, 4, 8, 16, 32, 64),
        samples=(4000, 8000, 16_000, 32_000),
        widths=(32, 64, 128, 272),
        budgets_mib=(128, 256, 512, 1024),
        iterations=5,
    ),
    "quick": Axes(
        starts=(1, 8, 64),
        samples=(4000, 16_000, 32_000),
        widths=(32, 128, 272),
        budgets_mib=(128, 512),
        iterations=2,
    ),
    "tiny": Axes(starts=(), samples=(10,), widths=(), budgets_mib=(), iterations=1),
}


def run(settings: Settings) -> Result:
    """Runs every job in a process of its own."""
    axes = _AXES[settings.scale]
    found: dict[str, list[Row]] = {axis: [] for axis in TITLES}
    for case in axes.cases():
        with alone(settings):
            found[case.axis].append(_measure(case, settings))
    exponents = [_exponents(axis, found[axis]) for axis in SIZES]
    rows = [row for each in found.values() for row in each]
    return Result(
        name="growth",
        title="a search and what it takes, against its sizes",
        tables=[
            *(Table(title=TITLES[axis], rows=each) for axis, each in found.items()),
            Table(title="Exponents: cost grows like size to the power", rows=exponents),
        ],
        targets=_targets(exponents, rows),
        notes=[_HOW, _READING],
        series={},
    )


def _measure(case: Case, settings: Settings) -> Row:
    service = ServiceSettings()
    resolution = resolve(case.request, {}, limits(service))
    if resolution.resolved is None or resolution.estimate is None:
        raise ValueError(f"{case.axis} {case.size}: {resolution.findings}")
    estimate = resolution.estimate
    order = {
        "specification": specification(case.request),
        "warm_up": specification(_WARM_UP.request),
        "starts": estimate.starts,
        "budget_bytes": case.budget_bytes,
        "dense_limit": service.dense_limit,
        "device": settings.device,
        "threads": torch.get_num_threads(),
    }
    found = measured("benchmarks.growth.shard_process", order)
    return {
        case.axis: case.size,
        "wall_s": found["search_wall_s"],
        "cpu_s": found["search_cpu_s"],
        "classifying_cpu_s": found["classifying_cpu_s"],
        "peak_mib": found["peak_bytes"] / _MIB,
        "estimate_mib": estimate.memory_bytes / _MIB,
        "allowed_mib": case.budget_bytes / _MIB,
    }


_WARM_UP = Axes(
    starts=(), samples=(16,), widths=(), budgets_mib=(), iterations=1
).cases()[0]


def _exponents(axis: str, rows: Sequence[Row]) -> Row:
    exponents = {
        name: _exponent(axis, rows, name)
        for name in ("wall_s", "cpu_s", "classifying_cpu_s", "peak_mib")
    }
    return {"varied": axis} | exponents


def _exponent(axis: str, rows: Sequence[Row], name: str) -> float | None:
    """Slope of the least-squares line through the logarithms, if there are two."""
    if not rows[1:]:
        return None
    sizes, costs = (
        np.log([max(_number(row[key]), 1e-9) for row in rows]) for key in (axis, name)
    )
    return float(np.polyfit(sizes, costs, 1)[0])


def _targets(exponents: Sequence[Row], rows: Sequence[Row]) -> list[Target]:
    targets = [
        Target(
            name=f"exponent of {what} against {row['varied']}",
            wanted=_LINEAR,
            measured=None if row[name] is None else _number(row[name]),
            at_most=True,
        )
        for row in exponents
        for what, name in (("processor time", "cpu_s"), ("peak memory", "peak_mib"))
    ]
    targets.extend(
        Target(
            name=f"largest peak over {bound.removesuffix('_mib')}",
            wanted=1.0,
            measured=max(
                _number(row["peak_mib"]) / _number(row[bound]) for row in rows
            ),
            at_most=True,
        )
        for bound in ("estimate_mib", "allowed_mib")
    )
    return targets


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
