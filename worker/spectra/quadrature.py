"""Stochastic Lanczos quadrature: traces of functions of a matrix from random probes.

For a probe ``v`` of random signs, ``v^T f(H) v`` has mean ``tr f(H)``, and Lanczos from
``v`` gives the Gauss quadrature of it: nodes are the Ritz values, weights the squared
first components of the Ritz vectors.

References:
    Ubaru, Chen, Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature,
    SIAM J. Matrix Anal. Appl. 38 (2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from worker.datasets.randomness import generator
from worker.linalg.lanczos import lanczos
from worker.linalg.operators import SymmetricOperator
from worker.linalg.ritz import gauss_quadrature


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quadrature:
    """One quadrature rule of mass 1 for every run and probe.

    Attributes:
        nodes: ``(runs, probes, steps)`` float64; where Lanczos broke down earlier, the
            spare nodes have no weight.
        weights: ``(runs, probes, steps)`` float64.
        size: Order of the matrices.
    """

    nodes: Tensor
    weights: Tensor
    size: int

    @property
    def probes(self) -> int:
        """Number of probes."""
        return self.nodes.shape[1]

    @property
    def products(self) -> int:
        """Products made for each run."""
        return self.nodes.shape[1] * self.nodes.shape[2]

    def moments(self, power: int) -> Tensor:
        """Estimates ``v^T H^power v`` of its trace, ``(runs, probes)``."""
        return self.size * (self.weights * self.nodes**power).sum(dim=-1)

    def largest_magnitude(self) -> Tensor:
        """Largest magnitude of a node of positive weight, ``(runs,)``."""
        magnitudes = torch.where(self.weights > 0, self.nodes.abs(), 0.0)
        return magnitudes.amax(dim=(1, 2))


def quadrature(
    operator: SymmetricOperator,
    like: Tensor,
    *,
    stream: str,
    seed: int,
    starts: Sequence[int],
    probes: int,
    steps: int,
) -> Quadrature:
    """Quadrature rules from probes of random signs.

    Args:
        operator: The matrices.
        like: A tensor of the operator's precision and device.
        stream: Name of the random stream.
        seed: The job's seed.
        starts: Number of every run's start; its draws depend on nothing else.
        probes: Number of probes for each run.
        steps: Lanczos steps from each probe, cut to the order of the matrices.

    Returns:
        The rules.
    """
    steps = min(steps, operator.size)
    nodes, weights = [], []
    for probe in range(probes):
        signs = random_signs(operator.size, starts, seed, stream, probe).to(like)
        node, weight = gauss_quadrature(lanczos(operator, signs, steps=steps))
        nodes.append(node.double())
        weights.append(weight.double())
    return Quadrature(
        nodes=torch.stack(nodes, dim=1),
        weights=torch.stack(weights, dim=1),
        size=operator.size,
    )


def standard_error(samples: Tensor) -> Tensor:
    """Standard errors of the means over dimension 1; NaN for a single sample."""
    count = samples.shape[1]
    if count == 1:
        return torch.full_like(samples[:, 0], torch.nan)
    return samples.std(dim=1) / count**0.5


def random_signs(
    size: int, starts: Sequence[int], seed: int, *stream: str | int
) -> Tensor:
    """Vectors of random signs, one for each start, ``(runs, size)``."""
    draws = [
        torch.randint(0, 2, (size,), generator=generator(seed, *stream, start))
        for start in starts
    ]
    return 2.0 * torch.stack(draws).double() - 1.0
