"""The benchmark of spectra: time and products of each library for one accuracy."""

from typing import final

from benchmarks.results import Result, Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.spectra.eigenthings import Eigenthings
from benchmarks.spectra.libraries import Library
from benchmarks.spectra.ours import Gradflat
from benchmarks.spectra.problems import problems
from benchmarks.spectra.products import products_table, products_targets
from benchmarks.spectra.scipy_arpack import SAME_PRODUCTS, Arpack, Curvlinops
from benchmarks.spectra.tasks import ACCURACY, TOP, Task, density, ends
from benchmarks.stopwatch import alone
from benchmarks.turns import best_times

_TURNS = {"full": 5, "quick": 2, "tiny": 1}
_LONG_S = 0.5
_PRODUCTS_OF_ARPACK = 1.5
_NOTES = [
    "double precision; each library takes the least effort, in tolerance, steps or",
    "probes, that is enough for the accuracy on the formed Hessian; then all are timed",
    "in turns with their own products, processor time on one core, else by the clock:",
    f"the best of several turns, or of one that took more than {_LONG_S:g} s",
    f"ends: {TOP} smallest and {TOP} largest eigenvalues, to {ACCURACY:g} of the",
    "largest magnitude; hessian-eigenthings makes a run for either end; this package",
    "searches the complement besides for what it may have missed",
    "SciPy eigsh: products by two backward passes of PyTorch, the loss included; on",
    "this package's products it only tells how many are needed",
    "density: area between it and the true one, at the same broadening, as small as",
    "that of this package but for a tenth, in the mean over several seeds; nobody",
    "computes extreme eigenvalues beside it",
    "products: at the loosest tolerance of eigsh that leaves residuals within 1e-8 of",
    "the largest magnitude, as this package's bounds are",
]


@final
class _Running:
    """A task that remembers how many products it made."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.products = 0

    def __call__(self) -> None:
        self.products = self.task.run()


def run(settings: Settings) -> Result:
    """Ends and densities of the spectra of networks, and products of larger ones."""
    libraries: list[Library] = [
        Gradflat(),
        Arpack(same_products=False),
        Arpack(same_products=True),
        Curvlinops(),
        Eigenthings(),
    ]
    at_ends: list[Row] = []
    densities: list[Row] = []
    with alone(settings):
        for problem in problems(settings):
            at_ends += _rows([ends(problem, each) for each in libraries], settings)
            tasks = [density(problem, each, settings) for each in libraries]
            densities += _rows([task for task in tasks if task is not None], settings)
        products = products_table(settings)
    tables = [
        Table(title=f"{TOP} eigenvalues at either end", rows=at_ends),
        Table(title="Spectral density", rows=densities),
    ]
    return Result(
        name="spectra",
        title="against other libraries for the same accuracy",
        tables=[*tables, products],
        targets=[
            *(target for table in tables for target in _targets(table)),
            *products_targets(products),
        ],
        notes=_NOTES,
        series={},
    )


def _rows(tasks: list[Task], settings: Settings) -> list[Row]:
    """All libraries on one network."""
    running = {task.library.name: _Running(task) for task in tasks}
    times = best_times(
        running, turns=_TURNS[settings.scale], device=settings.device, long_s=_LONG_S
    )
    return [
        {
            "network": task.problem.network.name,
            "parameters": task.problem.objective.parameters,
            "samples": task.problem.objective.samples,
            "library": name,
            "seconds": times[name],
            "products": running[name].products,
            "effort": task.effort,
            "error": task.error,
            "enough": task.error <= task.wanted,
        }
        for name, task in zip(running, tasks, strict=True)
    ]


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
