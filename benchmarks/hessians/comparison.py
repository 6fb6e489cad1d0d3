"""The benchmark of Hessians."""

from benchmarks.hessians.choices import choices
from benchmarks.hessians.formed import assembled, others
from benchmarks.hessians.products import products
from benchmarks.results import Result, Table, Target
from benchmarks.settings import Settings
from benchmarks.stopwatch import alone

_NOTES = [
    "double precision; least time over turns that both sides take alternately:",
    "of the processor on one core, else by the clock",
    "curvlinops 3.0.1 and torch.func.hessian are given PyTorch's own convolutions",
    "right: equal to double backward passes",
    "PyTorch 2.13 has wrong forward mode derivatives of layer norms with weights",
    "the limit is n P^2 multiplications at the rate of a large matrix product",
    "products in the last table are each of 8 runs at once",
]


def run(settings: Settings) -> Result:
    """Products, formed Hessians, and the choice between them."""
    tables: list[Table] = []
    targets: list[Target] = []
    with alone(settings):
        for measure in (products, assembled, others, choices):
            table, wanted = measure(settings)
            tables.append(table)
            targets += wanted
    return Result(
        name="hessians",
        title="against gradients, other libraries and the limit of the machine",
        tables=tables,
        targets=targets,
        notes=_NOTES,
        series={},
    )
