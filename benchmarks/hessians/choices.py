"""Whether ``auto`` knows what a Hessian costs."""

import torch

from benchmarks.hessians.networks import Network, dense_networks, other_networks
from benchmarks.results import Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.turns import best_times, figure

_TURNS = {"full": 7, "quick": 3, "tiny": 1}
_RUNS = 8


def choices(settings: Settings) -> tuple[Table, list[Target]]:
    """Products that a formed and decomposed Hessian costs: foreseen and measured."""
    networks = [*dense_networks(settings), *other_networks(settings)]
    rows = [_measure(network, settings) for network in networks]
    target = Target(
        name="cost of a Hessian in products: foreseen within a factor",
        wanted=2.0,
        measured=max(figure(row, "error_factor") for row in rows),
        at_most=True,
    )
    return Table(title="Cost of a Hessian, formed and decomposed", rows=rows), [target]


def _measure(network: Network, settings: Settings) -> Row:
    objective = network.objective()
    theta = network.points(_RUNS)
    hessian = objective.linearise(theta).hessian
    one = objective.linearise(theta[:1]).hessian
    matrix = one.dense()
    hessian.matvec(theta)
    times = best_times(
        {
            "products": lambda: hessian.matvec(theta),
            "formed": one.dense,
            "decomposed": lambda: torch.linalg.eigh(matrix),
        },
        turns=_TURNS[settings.scale],
        device=settings.device,
    )
    product = times["products"] / _RUNS
    measured = (times["formed"] + times["decomposed"]) / product
    foreseen = objective.hessian_cost
    return {
        "network": network.name,
        "parameters": objective.parameters,
        "samples": objective.samples,
        "product_ms": 1e3 * product,
        "formed_ms": 1e3 * times["formed"],
        "decomposed_ms": 1e3 * times["decomposed"],
        "measured_in_products": measured,
        "foreseen_in_products": foreseen,
        "error_factor": max(foreseen / measured, measured / foreseen),
    }
