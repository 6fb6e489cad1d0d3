"""Formed Hessians against ``torch.func.hessian`` and against the multiply limit."""

import torch

from benchmarks.hessians.networks import Network, dense_networks, other_networks
from benchmarks.hessians.peers import torch_hessian
from benchmarks.results import Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.turns import best_times, figure

_TURNS = {"full": 9, "quick": 3, "tiny": 1}
_PEER_TURNS = {"full": 3, "quick": 1, "tiny": 1}
_RUNS = {"full": 8, "quick": 4, "tiny": 2}
_ORDER = 768  # of the matrices that measure the machine
_AGREEMENT = 1e-8


def assembled(settings: Settings) -> tuple[Table, list[Target]]:
    """Hessians of the paper's networks, and how far they are from the limit."""
    rows = [_measure(network, settings) for network in dense_networks(settings)]
    targets = [_faster(row, 15.0) for row in rows] + [
        Target(
            name=f"{row['network']}: times the multiply limit",
            wanted=10.0,
            measured=figure(row, "in_limits"),
            at_most=True,
        )
        for row in rows
    ]
    return Table(title="Hessians of fully connected networks", rows=rows), targets


def others(settings: Settings) -> tuple[Table, list[Target]]:
    """Hessians of networks with other layers."""
    rows = [_measure(network, settings) for network in other_networks(settings)]
    targets = [_faster(row, 2.0) for row in rows]
    return Table(title="Hessians of other networks", rows=rows), targets


def _faster(row: Row, wanted: float) -> Target:
    return Target(
        name=f"{row['network']}: times faster than torch.func.hessian",
        wanted=wanted,
        measured=figure(row, "times_faster"),
    )


def _measure(network: Network, settings: Settings) -> Row:
    objective = network.objective()
    runs = _RUNS[settings.scale]
    theta = network.points(runs)
    one = objective.linearise(theta[:1]).hessian
    many = objective.linearise(theta).hessian
    peer = torch_hessian(network)
    matrix = network.x.new_ones(_ORDER, _ORDER)
    exact = one.dense()[0]
    difference = torch.dist(peer(theta[0]), exact) / exact.norm()
    times = best_times(
        {
            "rate": lambda: matrix @ matrix,
            "one": one.dense,
            "many": many.dense,
        },
        turns=_TURNS[settings.scale],
        device=settings.device,
    )
    times |= best_times(
        {"one again": one.dense, "peer": lambda: peer(theta[0])},
        turns=_PEER_TURNS[settings.scale],
        device=settings.device,
    )
    formed = min(times["one"], times["one again"])
    # The limit: n P^2 multiplications at the rate of a large matrix product.
    rate = _ORDER**3 / times["rate"]
    limit = len(network.x) * objective.parameters**2 / rate
    return {
        "network": network.name,
        "parameters": objective.parameters,
        "samples": objective.samples,
        "formed_ms": 1e3 * formed,
        f"each_of_{runs}_ms": 1e3 * times["many"] / runs,
        "torch_func_ms": 1e3 * times["peer"],
        "torch_func_right": difference.item() < _AGREEMENT,
        "times_faster": times["peer"] / formed,
        "giga_multiplications_per_s": rate / 1e9,
        "limit_ms": 1e3 * limit,
        "in_limits": formed / limit,
    }
