"""The benchmark of the finders."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from benchmarks.finders.peer import run_peer
from benchmarks.finders.problem import Problem
from benchmarks.finders.searching import ITERATIONS, run_ours
from benchmarks.finders.trial import Trial, joined
from benchmarks.results import Result, Table, Target
from benchmarks.settings import Settings
from benchmarks.stopwatch import alone
from worker.objectives.base import Objective

KINDS = ("levenberg_marquardt", "newton_mr")
PEER = "autocrit newton_mr"
_SUCCESS = {"levenberg_marquardt": 0.95, "newton_mr": 0.66}
_SPEEDUP = {"levenberg_marquardt": 20.0, "newton_mr": 5.0}
_READING = (
    "success: |g|^2 below 1e-10 within 500 iterations, with a 95 % Wilson interval;"
    " analytic: of those, the points that match a known critical point in loss (1e-6)"
    " and in the number of negative eigenvalues"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes of the benchmark.

    Attributes:
        samples: Of the data set.
        starts: Along the training run.
        network_starts: Those of them that the network is searched from.
        moments_starts: Those of them that its second moments are searched from.
        shared: Those of them that both sides search from.
        lot: Starts of one turn; the sides take turns.
        iterations: Steps a run may take.
        training_steps: Of the training run.
    """

    samples: int = 10_000
    starts: int = 100
    network_starts: int = 100
    moments_starts: int = 100
    shared: int = 12
    lot: int = 4
    iterations: int = ITERATIONS
    training_steps: int = 10_000


PLANS = {
    "full": Plan(),
    "quick": Plan(network_starts=4, moments_starts=20, shared=2, lot=1),
    "tiny": Plan(
        samples=50,
        starts=3,
        network_starts=2,
        moments_starts=3,
        shared=1,
        lot=1,
        iterations=2,
        training_steps=10,
    ),
}


def run(settings: Settings) -> Result:
    """Searches from the same starts with every method."""
    plan = PLANS[settings.scale]
    problem = Problem.build(settings, samples=plan.samples)
    starts = problem.starts(plan.starts, steps=plan.training_steps)
    shared = _take_turns(settings, plan, problem, spread(starts, plan.shared))
    network = _batches(
        settings, plan, problem, problem.network, spread(starts, plan.network_starts)
    )
    moments = _batches(
        settings, plan, problem, problem.moments, spread(starts, plan.moments_starts)
    )
    return Result(
        name="finders",
        title=(
            "deep linear autoencoder 16-4-16 on "
            f"{plan.samples:,} samples, starts along one training run"
        ),
        tables=[
            _table("The same starts on both sides, network on the data", shared),
            _table("One batch, network on the data", network),
            _table("One batch, linear_autoencoder through second moments", moments),
        ],
        targets=_targets(shared, network),
        notes=_notes(settings, shared),
        series={
            f"{name} {what}": getattr(trial, what)[trial.found].tolist()
            for name, trial in moments.items()
            for what in ("iterations", "index")
        },
    )


def spread(starts: Tensor, count: int) -> Tensor:
    """So many of the starts, evenly along the training run, noisy and plain in turn."""
    places = [int((i + 0.5) * len(starts) / count) for i in range(count)]
    return starts[[row - (row + i) % 2 for i, row in enumerate(places)]]


def _take_turns(
    settings: Settings, plan: Plan, problem: Problem, starts: Tensor
) -> dict[str, Trial]:
    """Every method on the same starts, lot after lot, so that all see like load."""
    lots: dict[str, list[Trial]] = {}
    for lot in starts.split(plan.lot):
        with alone(settings):
            if settings.autocrit is not None:
                peer = run_peer(
                    settings.autocrit, problem, lot, iterations=plan.iterations
                )
                lots.setdefault(PEER, []).append(peer)
            for kind in KINDS:
                ours = _search(kind, plan, problem, problem.network, lot)
                lots.setdefault(kind, []).append(ours)
    return {method: joined(trials) for method, trials in lots.items()}


def _batches(
    settings: Settings,
    plan: Plan,
    problem: Problem,
    objective: Objective,
    starts: Tensor,
) -> dict[str, Trial]:
    """Our methods, each from all the starts together."""
    trials: dict[str, Trial] = {}
    for kind in KINDS:
        with alone(settings):
            trials[kind] = _search(kind, plan, problem, objective, starts)
    return trials


def _search(
    kind: str, plan: Plan, problem: Problem, objective: Objective, starts: Tensor
) -> Trial:
    return run_ours(
        kind,
        objective,
        starts,
        known=problem.moments,
        iterations=plan.iterations,
    )


def _table(title: str, trials: dict[str, Trial]) -> Table:
    return Table(
        title=title, rows=[trial.row(method) for method, trial in trials.items()]
    )


def _targets(shared: dict[str, Trial], network: dict[str, Trial]) -> list[Target]:
    targets = [
        Target(
            name=f"{kind}: success of {network[kind].runs} starts",
            wanted=_SUCCESS[kind],
            measured=network[kind].successes / network[kind].runs,
        )
        for kind in KINDS
    ]
    targets += [
        Target(
            name=f"{kind}: critical points that are analytic ones",
            wanted=1.0,
            measured=_analytic(network[kind]),
        )
        for kind in KINDS
    ]
    for clock in ("wall", "cpu"):
        targets += [
            Target(
                name=f"{kind}: times less {clock} time a success than autocrit",
                wanted=_SPEEDUP[kind],
                measured=_speedup(shared, kind, clock),
            )
            for kind in KINDS
        ]
    return targets


def _analytic(trial: Trial) -> float | None:
    if not trial.successes:
        return None
    return int((trial.found & trial.matched).sum()) / trial.successes


def _speedup(shared: dict[str, Trial], kind: str, clock: str) -> float | None:
    if PEER not in shared:
        return None
    theirs = getattr(shared[PEER], f"{clock}_s_per_success")
    ours = getattr(shared[kind], f"{clock}_s_per_success")
    return None if theirs is None or ours is None else theirs / ours


def _notes(settings: Settings, shared: dict[str, Trial]) -> list[str]:
    notes = [_READING]
    if settings.autocrit is None:
        notes.append("autocrit: not measured, no checkout was named (--autocrit)")
    elif not shared[PEER].successes:
        notes.append("autocrit found no critical point from these starts: no ratio")
    return notes
