"""Spectra by hessian-eigenthings."""

from typing import final

import hessian_eigenthings
import torch
from torch import Tensor

from benchmarks.hessians.networks import Network
from benchmarks.hessians.peers import criterion, stock_at
from benchmarks.spectra.found import Ends, Rule
from benchmarks.spectra.libraries import Product


@final
class Eigenthings:
    """Lanczos without restarts, for one end at a time."""

    name = "hessian-eigenthings"
    isotropic = False
    efforts = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768)

    def product(self, network: Network, theta: Tensor) -> Product:
        """With the Hessian at parameters ``(parameters,)``."""
        loss = hessian_eigenthings.supervised_loss(criterion(network))
        data = [(network.x, network.y)]
        return hessian_eigenthings.HessianOperator(
            stock_at(network, theta), data, loss
        ).matvec

    def ends(self, product: Product, like: Tensor, *, top: int, effort: float) -> Ends:
        """Both ends, by so many steps for each."""
        size = len(like)
        largest, smallest = (
            hessian_eigenthings.lanczos(
                self._operator(product, like),
                k=top,
                max_iter=min(int(effort), size),
                which=which,
                seed=0,
                reorthogonalize=True,
            )
            for which in ("LA", "SA")
        )
        values = torch.cat([smallest.eigenvalues, largest.eigenvalues]).sort().values
        return Ends(values=values, products=largest.iterations + smallest.iterations)

    def rule(
        self, product: Product, like: Tensor, *, probes: int, steps: int, seed: int
    ) -> Rule:
        """From its spectral density."""
        found = hessian_eigenthings.spectral_density(
            self._operator(product, like),
            num_runs=probes,
            lanczos_steps=steps,
            seed=1000 * seed,  # it adds the probe's number
        )
        return Rule(
            nodes=found.raw_eigenvalues.flatten().nan_to_num(),
            weights=found.raw_weights.flatten() / probes,
            products=probes * steps,
        )

    def _operator(
        self, product: Product, like: Tensor
    ) -> hessian_eigenthings.LambdaOperator:
        return hessian_eigenthings.LambdaOperator(
            product, len(like), device=like.device, dtype=like.dtype
        )
