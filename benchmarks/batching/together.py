"""The benchmark of batching."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from benchmarks.results import Result, Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.stopwatch import alone
from benchmarks.turns import best_times, figure
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search
from worker.finders.newton_mr import NewtonMr
from worker.networks.architectures import mlp
from worker.networks.initialisation import initialise
from worker.objectives.closed_forms.linear_autoencoder import autoencoder_samples
from worker.objectives.network import NetworkObjective
from worker.starts.random import random_starts

_SIZES = [16, 8, 16]
_REPEATS = {"full": 5, "quick": 4, "tiny": 1}
_RUNS = {"full": 32, "quick": 8, "tiny": 2}
_SAMPLES = {"full": (100, 1000, 10_000), "quick": (100, 1000, 10_000), "tiny": (10,)}
_ITERATIONS = 3
_PRODUCTS = 20  # of one linear solve
_NOTHING_LOST = 0.97  # one, but for what clocks make of equal times


def run(settings: Settings) -> Result:
    """Gradients, Hessians and searches of many runs, at once and one by one."""
    rows: list[Row] = []
    repeats = _REPEATS[settings.scale]
    for samples in _SAMPLES[settings.scale]:
        with alone(settings):
            rows.extend(_compare(settings, samples, repeats))
    return Result(
        name="batching",
        title=f"{_RUNS[settings.scale]} runs at once against one after another",
        tables=[Table(title="Autoencoder 16-8-16, swish, mse", rows=rows)],
        targets=[
            Target(
                name="least time one by one over time at once",
                wanted=_NOTHING_LOST,
                measured=min(figure(row, "ratio") for row in rows),
            )
        ],
        notes=[
            f"least times over {repeats} turns, of the processor on one core",
            f"searches: newton_mr, {_ITERATIONS} iterations",
        ],
        series={},
    )


def _compare(settings: Settings, samples: int, repeats: int) -> list[Row]:
    objective = _objective(settings, samples)
    theta = random_starts(
        partial(initialise, mlp(_SIZES, "swish")),
        range(_RUNS[settings.scale]),
        seed=0,
    ).to(settings.device)
    pieces: dict[str, Callable[[Tensor], object]] = {
        "gradient": objective.gradient,
        "product": lambda batch: objective.linearise(batch).hessian.matvec(batch),
        "formed Hessian": lambda batch: objective.linearise(batch).hessian.dense(),
        "search, exact": partial(_search, objective, "exact"),
        "search, krylov": partial(_search, objective, "krylov"),
    }
    return [
        {"samples": samples, "work": name}
        | _times(work, theta, settings.device, repeats)
        for name, work in pieces.items()
    ]


def _times(
    work: Callable[[Tensor], object], theta: Tensor, device: str, repeats: int
) -> Row:
    def one_by_one() -> None:
        for one in theta.split(1):
            work(one)

    best = best_times(
        {"at_once": lambda: work(theta), "one_by_one": one_by_one},
        turns=repeats,
        device=device,
    )
    return {
        "at_once_ms": 1e3 * best["at_once"],
        "one_by_one_ms": 1e3 * best["one_by_one"],
        "ratio": best["one_by_one"] / best["at_once"],
    }


def _objective(settings: Settings, samples: int) -> NetworkObjective:
    drawn = autoencoder_samples(input_size=_SIZES[0], samples=samples, seed=0)
    x = drawn.x.to(settings.device)
    return NetworkObjective(module=mlp(_SIZES, "swish"), x=x, y=x, loss="mse")


def _search(objective: NetworkObjective, hessian: HessianChoice, theta: Tensor) -> None:
    finder = NewtonMr(max_krylov_iterations=_PRODUCTS, rtol=1e-12)
    search(objective, finder, theta, max_iterations=_ITERATIONS, hessian=hessian)
