"""One Hessian product against gradients and against curvlinops."""

import torch

from benchmarks.hessians.networks import Network, product_networks
from benchmarks.hessians.peers import curvlinops_product
from benchmarks.results import Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.turns import best_times, figure

_TURNS = {"full": 15, "quick": 5, "tiny": 1}
_AGREEMENT = 1e-8


def products(settings: Settings) -> tuple[Table, list[Target]]:
    """Products of one run, with the gradient's graph kept."""
    rows = [_measure(network, settings) for network in product_networks(settings)]
    targets: list[Target] = []
    for row in rows:
        ratio = figure(row, "times_faster") if row["curvlinops_right"] else None
        targets += [
            Target(
                name=f"{row['network']}: product in gradients",
                wanted=2.7,
                measured=figure(row, "product_in_gradients"),
                at_most=True,
            ),
            Target(
                name=f"{row['network']}: times faster than curvlinops",
                wanted=2.0,
                measured=ratio,
            ),
        ]
    return Table(title="One Hessian product", rows=rows), targets


def _measure(network: Network, settings: Settings) -> Row:
    objective = network.objective()
    theta, vector = network.points(2).split(1)
    hessian = objective.linearise(theta).hessian
    peer = curvlinops_product(network, theta[0])
    exact = hessian.matvec(vector)[0]
    difference = torch.dist(peer(vector[0]), exact) / exact.norm()
    times = best_times(
        {
            "gradient": lambda: objective.gradient(theta),
            "product": lambda: hessian.matvec(vector),
            "curvlinops": lambda: peer(vector[0]),
        },
        turns=_TURNS[settings.scale],
        device=settings.device,
    )
    return {
        "network": network.name,
        "parameters": objective.parameters,
        "samples": objective.samples,
        "gradient_ms": 1e3 * times["gradient"],
        "product_ms": 1e3 * times["product"],
        "product_in_gradients": times["product"] / times["gradient"],
        "curvlinops_ms": 1e3 * times["curvlinops"],
        "curvlinops_right": difference.item() < _AGREEMENT,
        "times_faster": times["curvlinops"] / times["product"],
    }
