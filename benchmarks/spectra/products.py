"""Products for the ends of spectra of larger networks, beside ARPACK's."""

import torch
from torch import Tensor

from benchmarks.hessians.networks import Network
from benchmarks.results import Row, Table, Target
from benchmarks.settings import Settings
from benchmarks.spectra.libraries import Product
from benchmarks.spectra.networks import large_networks
from benchmarks.spectra.ours import own_product, own_spectrum
from benchmarks.spectra.problems import trained
from benchmarks.spectra.scipy_arpack import eigenpairs
from worker.spectra.computation import CONVERGED

_TOPS = {"full": (1, 5, 10), "quick": (5,), "tiny": (1,)}
_STEPS = {"full": 60, "quick": 60, "tiny": 2}
_TOLERANCES = tuple(10.0**-digits for digits in range(4, 13))
_LOOSER = 10.0
"""Tolerances by which the pair of least magnitude may keep so much more are not tried.

ARPACK ends once every residual is within the tolerance times the eigenvalue. It looks
at them when it restarts only, and so mostly ends with some ten times less.
"""
_MOST = 1.5


def products_table(settings: Settings) -> Table:
    """Products of both for residuals within 1e-8 of the largest magnitude."""
    rows = [
        row for network in large_networks(settings) for row in _rows(network, settings)
    ]
    return Table(title="Products beside those of SciPy eigsh", rows=rows)


def products_targets(table: Table) -> list[Target]:
    """Of every network, the least favourable number of eigenvalues."""
    worst: dict[str, float] = {}
    for row in table.rows:
        name = str(row["network"])
        worst[name] = max(worst.get(name, 0.0), float(row["ratio"] or 0))
    return [
        Target(
            name=f"{name}: products beside SciPy eigsh",
            wanted=_MOST,
            measured=ratio,
            at_most=True,
        )
        for name, ratio in worst.items()
    ]


def _rows(network: Network, settings: Settings) -> list[Row]:
    steps = _STEPS[settings.scale]
    theta = trained(network, scale=1 / 3, steps=steps, rate=0.02)[0]
    product = own_product(network, theta)
    rows: list[Row] = []
    for top in _TOPS[settings.scale]:
        found = own_spectrum(product, theta, top=top, density=None, seed=0)
        magnitude = float(found.largest_magnitude())
        least = float(torch.cat([found.largest, found.smallest]).abs().min())
        bounds = found.largest_bounds.maximum(found.smallest_bounds)
        wanted = CONVERGED * magnitude
        peer, residual = _arpack(product, theta, top, wanted, least=least)
        made = int(found.products)
        rows.append(
            {
                "network": network.name,
                "parameters": len(theta),
                "top": top,
                "products": made,
                "of SciPy eigsh": peer,
                "ratio": made / peer,
                "residual": float(bounds.max()) / magnitude,
                "of SciPy": residual / magnitude,
                "complete": bool(found.complete),
            }
        )
    return rows


def _arpack(
    product: Product, like: Tensor, top: int, wanted: float, *, least: float
) -> tuple[int, float]:
    """Products, and the largest residual, at the loosest tolerance that is enough."""
    made, residual = 0, float("inf")
    for tolerance in _TOLERANCES:
        if tolerance * least > _LOOSER * wanted:
            continue
        found, vectors = eigenpairs(product, like, top=top, tolerance=tolerance)
        pairs = zip(vectors, found.values, strict=True)
        residual = max(float((product(v) - value * v).norm()) for v, value in pairs)
        made = found.products
        if residual <= wanted:
            break
    return made, residual
