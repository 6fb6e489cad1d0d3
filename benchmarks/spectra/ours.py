"""Spectra by this package."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from benchmarks.hessians.networks import Network
from benchmarks.spectra.found import Ends, Rule
from benchmarks.spectra.libraries import Product
from worker.linalg.extremes.basis import Storage
from worker.spectra.computation import SpectrumComputation
from worker.spectra.plan import DensityPlan, SpectrumPlan
from worker.spectra.spectrum import Spectrum


@final
class Gradflat:
    """This package."""

    name = "gradflat"
    isotropic = True
    efforts = (0.0,)

    def product(self, network: Network, theta: Tensor) -> Product:
        """With the Hessian at parameters ``(parameters,)``."""
        return own_product(network, theta)

    def ends(self, product: Product, like: Tensor, *, top: int, effort: float) -> Ends:
        """Both ends; there is one effort."""
        del effort
        found = own_spectrum(product, like, top=top, density=None, seed=0)
        values = torch.cat([found.smallest[0], found.largest[0].flip(0)])
        return Ends(values=values, products=int(found.products[0]))

    def rule(
        self, product: Product, like: Tensor, *, probes: int, steps: int, seed: int
    ) -> Rule:
        """From a density alone."""
        plan = DensityPlan(probes=probes, steps=steps)
        found = own_spectrum(product, like, top=0, density=plan, seed=seed)
        if found.quadrature is None:
            raise ValueError("the spectrum has no density")
        rules = found.quadrature.rules
        return Rule(
            nodes=rules.nodes[0].flatten(),
            weights=rules.weights[0].flatten() / probes,
            products=int(found.products[0]),
        )


def own_product(network: Network, theta: Tensor) -> Product:
    """This package's products, with the gradient's graph kept."""
    hessian = network.objective().linearise(theta[None]).hessian
    return lambda vector: hessian.matvec(vector[None])[0]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Operator:
    """One matrix by its products."""

    product: Product
    size: int
    runs: int = 1

    def matvec(self, vectors: Tensor) -> Tensor:
        return self.product(vectors[0])[None]

    def dense(self) -> Tensor:
        raise NotImplementedError("it is not formed")

    def take(self, rows: Tensor) -> "_Operator":
        raise NotImplementedError(f"there is one run, not {rows}")


def own_spectrum(
    product: Product, like: Tensor, *, top: int, density: DensityPlan | None, seed: int
) -> Spectrum:
    """The spectrum of one matrix, by its products with vectors like the given one."""
    plan = SpectrumPlan(
        top=top,
        eigenvectors=False,
        density=density,
        seed=seed,
        starts=[0],
        storage=Storage.of(like),
    )
    computation = SpectrumComputation.begin(plan, size=len(like), like=like)
    operator = _Operator(product=product, size=len(like))
    return computation.run(operator, on_product=lambda _: None)
