"""The benchmark of spectra: time and products of each library for one accuracy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor

from benchmarks.results import Result, Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.spectra.eigenthings import Eigenthings
from benchmarks.spectra.libraries import Library, Product
from benchmarks.spectra.ours import Gradflat
from benchmarks.spectra.problems import Problem, problems
from benchmarks.spectra.scipy_arpack import SAME_PRODUCTS, Arpack, Curvlinops
from benchmarks.stopwatch import Stopwatch, alone
from worker.spectra.plan import DensityPlan
from worker.spectra.spectrum import exact_spectrum

_TOP = 5
_ACCURACY = 1e-12
_STEPS = {"full": 60, "quick": 40, "tiny": 3}
_PROBES = 8
_MORE_PROBES = (8, 12, 16, 24, 32, 48)
_SEEDS = {"full": range(8), "quick": range(2), "tiny": range(1)}
_PRODUCTS_OF_ARPACK = 1.5
_NOTES = [
    "double precision; each library takes the least effort, in tolerance, steps or",
    "probes, that is enough for the accuracy on the formed Hessian; then it is timed",
    "once with its own products: processor time on one core, else by the clock",
    f"ends: {_TOP} smallest and {_TOP} largest eigenvalues, to {_ACCURACY:g} of the",
    "largest magnitude; hessian-eigenthings makes a run for either end; this package",
    "searches the complement besides for what it may have missed",
    "SciPy eigsh: products by two backward passes of PyTorch, the loss included; on",
    "this package's products it only tells how many are needed",
    "density: area between it and the true one, at the same broadening, as small as",
    "that of this package, in the mean over several seeds",
]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is asked of a library, with more and more effort."""

    efforts: tuple[float, ...]
    error: Callable[[float], float]
    wanted: float
    attempt: Callable[[Product, float], int]


def run(settings: Settings) -> Result:
    """Ends and densities of the spectra of three networks."""
    libraries: list[Library] = [
        Gradflat(),
        Arpack(same_products=False),
        Arpack(same_products=True),
        Curvlinops(),
        Eigenthings(),
    ]
    ends: list[Row] = []
    densities: list[Row] = []
    with alone(settings):
        for problem in problems(settings):
            for library in libraries:
                ends.append(_row(problem, library, _ends(problem, library), settings))
                task = _density(problem, library, settings)
                if task is not None:
                    densities.append(_row(problem, library, task, settings))
    tables = [
        Table(title=f"{_TOP} eigenvalues at either end", rows=ends),
        Table(title="Spectral density", rows=densities),
    ]
    return Result(
        name="spectra",
        title="against other libraries for the same accuracy",
        tables=tables,
        targets=[target for table in tables for target in _targets(table)],
        notes=_NOTES,
        series={},
    )


def _ends(problem: Problem, library: Library) -> _Task:
    top = min(_TOP, len(problem.eigenvalues) // 4)
    truth, like = problem.ends(top), problem.theta[0]

    def error(effort: float) -> float:
        found = library.ends(_diagonal(problem), like, top=top, effort=effort)
        return found.error(truth)

    def attempt(product: Product, effort: float) -> int:
        return library.ends(product, like, top=top, effort=effort).products

    return _Task(
        efforts=tuple(library.efforts), error=error, wanted=_ACCURACY, attempt=attempt
    )


def _density(problem: Problem, library: Library, settings: Settings) -> _Task | None:
    like, steps = problem.theta[0], _STEPS[settings.scale]
    if library.rule(_formed(problem), like, probes=1, steps=steps, seed=0) is None:
        return None
    truth = exact_spectrum(
        problem.eigenvalues[None],
        None,
        top=1,
        density_plan=DensityPlan(probes=1, steps=1),
    ).density
    if truth is None or truth[0] is None:
        raise ValueError("the Hessian is not finite")
    grid, density, broadening = truth[0].grid, truth[0].values, truth[0].broadening

    def error_of(which: Library, probes: float) -> float:
        errors = []
        for seed in _SEEDS[settings.scale]:
            found = which.rule(
                _formed(problem), like, probes=int(probes), steps=steps, seed=seed
            )
            if found is not None:
                errors.append(found.error(grid, density, broadening))
        return sum(errors) / len(errors)

    def attempt(product: Product, probes: float) -> int:
        found = library.rule(product, like, probes=int(probes), steps=steps, seed=0)
        return 0 if found is None else found.products

    return _Task(
        efforts=(_PROBES,) if isinstance(library, Gradflat) else _MORE_PROBES,
        error=lambda probes: error_of(library, probes),
        wanted=error_of(Gradflat(), _PROBES),
        attempt=attempt,
    )


def _row(problem: Problem, library: Library, task: _Task, settings: Settings) -> Row:
    effort, error = task.efforts[0], float("inf")
    for effort in task.efforts:
        error = task.error(effort)
        if error <= task.wanted:
            break
    with Stopwatch(settings.device) as watch:
        product = library.product(problem.network, problem.theta[0])
        products = task.attempt(product, effort)
    return {
        "network": problem.network.name,
        "parameters": problem.objective.parameters,
        "samples": problem.objective.samples,
        "library": library.name,
        "seconds": watch.cpu_s if settings.device == "cpu" else watch.wall_s,
        "products": products,
        "effort": effort,
        "error": error,
        "enough": error <= task.wanted,
    }


def _formed(problem: Problem) -> Product:
    def product(vector: Tensor) -> Tensor:
        return problem.matrix @ vector

    return product


def _diagonal(problem: Problem) -> Product:
    """In the coordinates of the eigenvectors, which the ends do not depend on."""

    def product(vector: Tensor) -> Tensor:
        return problem.eigenvalues * vector

    return product


def _targets(table: Table) -> list[Target]:
    """That this package is faster than each of the others."""
    ours = {
        row["network"]: row for row in table.rows if row["library"] == Gradflat.name
    }
    targets = []
    for row in table.rows:
        own, about = ours[row["network"]], f"{table.title}, {row['network']}"
        if row["library"] == SAME_PRODUCTS:
            target = Target(
                name=f"{about}: products beside {row['library']}",
                wanted=_PRODUCTS_OF_ARPACK,
                measured=_figure(own, "products") / _figure(row, "products"),
                at_most=True,
            )
        elif row is not own:
            target = Target(
                name=f"{about}: times faster than {row['library']}",
                wanted=1.0,
                measured=_figure(row, "seconds") / _figure(own, "seconds"),
            )
        else:
            continue
        targets.append(target)
    return targets


def _figure(row: Row, column: str) -> float:
    return float(row[column] or 0)
