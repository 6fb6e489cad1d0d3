"""Stochastic Lanczos quadrature: traces of functions of a matrix from random probes.

Some eigenpairs may be known. Then a probe is a random unit vector ``v`` in the
complement of their eigenvectors, of dimension ``m``: ``m v^T f(H) v`` has as its mean
the trace of ``f(H)`` on the complement, to which the known eigenvalues are added
exactly. Lanczos from ``v`` gives the Gauss quadrature of it: nodes are the Ritz values,
weights the squared first components of the Ritz vectors. For ``f(x) = x`` this is
Hutch++ with the known eigenvectors in the place of its sketch.

References:
    Ubaru, Chen, Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature,
    SIAM J. Matrix Anal. Appl. 38 (2017); Meyer, Musco, Musco, Woodruff, Hutch++:
    optimal stochastic trace estimation, SOSA (2021).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import torch
from torch import Tensor

from worker.datasets.randomness import generator
from worker.linalg.extremes.basis import Storage
from worker.linalg.extremes.thick_restart import SearchSpace
from worker.linalg.operators import SymmetricOperator
from worker.spectra.rules import Rules


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Eigenvalues that are known, whose vectors the probes are orthogonal to.

    Attributes:
        values: Ascending, ``(runs, k)`` float64.
        bounds: An eigenvalue lies this close to each, ``(runs, k)``.
        lowest: How many of them are the smallest ones.
        highest: How many are the largest.
        complete: Whether these are known to be the extreme ones, ``(runs,)`` bool.
    """

    values: Tensor
    bounds: Tensor
    lowest: int
    highest: int
    complete: Tensor

    @classmethod
    def nothing(cls, runs: int, *, device: torch.device) -> Self:
        """No eigenvalue is known."""
        none = torch.zeros(runs, 0, dtype=torch.float64, device=device)
        return cls(
            values=none,
            bounds=none,
            lowest=0,
            highest=0,
            complete=none.bool().any(dim=1),
        )

    def take(self, rows: Tensor) -> Self:
        """The known part for the runs with the given numbers, ``(k,)`` integers."""
        return replace(
            self,
            values=self.values[rows],
            bounds=self.bounds[rows],
            complete=self.complete[rows],
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Quadrature:
    """Traces of functions of matrices: from known eigenvalues, and from probes.

    Attributes:
        known: The known part of the spectrum.
        rules: Of the rest.
        size: Order of the matrices.
    """

    known: Known
    rules: Rules
    size: int

    @property
    def probes(self) -> int:
        """Number of probes."""
        return self.rules.nodes.shape[1]

    @property
    def steps(self) -> int:
        """Lanczos steps from each probe."""
        return self.rules.nodes.shape[2]

    @property
    def rest(self) -> int:
        """Number of eigenvalues that are not known."""
        return self.size - self.known.values.shape[1]

    def traces(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Estimates of ``tr f(H)``, one from each probe, ``(runs, probes)``.

        Args:
            function: ``f``, elementwise.

        Returns:
            The estimates.
        """
        known = function(self.known.values).sum(dim=1, keepdim=True)
        rest = (self.rules.weights * function(self.rules.nodes)).sum(dim=2)
        return known + self.rest * rest

    def variance(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Variance of one probe's estimate of ``tr f(H)``, ``(runs,)``.

        It is ``2 m / (m + 2) (tr f(H)^2 - tr(f(H))^2 / m)`` on the complement of
        dimension ``m``, for ``v`` uniform on its unit sphere. Where few eigenvalues
        stand out, samples too few to meet one of them do not show it. So every node
        that surely stands for an eigenvalue counts as one at least.

        Args:
            function: ``f``, elementwise.

        Returns:
            An estimate of it.
        """
        m = self.rest
        counts = torch.maximum(m * self.rules.weights, self.rules.resolved().double())
        values = function(self.rules.nodes)
        second = (counts * values**2).sum(dim=2).mean(dim=1)
        first = m * (self.rules.weights * values).sum(dim=2).mean(dim=1)
        return (2 * m / (m + 2) * (second - first**2 / max(1, m))).clamp_min(0)

    def largest_magnitude(self) -> Tensor:
        """Largest magnitude known or of a node with a weight, ``(runs,)``."""
        nodes = torch.where(self.rules.weights == 0, 0.0, self.rules.nodes.abs())
        both = torch.cat([nodes.flatten(1), self.known.values.abs()], dim=1)
        return both.amax(dim=1)

    def take(self, rows: Tensor) -> Self:
        """The quadrature of the runs with the given numbers, ``(k,)`` integers."""
        return replace(self, known=self.known.take(rows), rules=self.rules.take(rows))

    def followed_by(self, other: Self) -> Self:
        """Quadrature of these runs and then of others, with as much known of each."""
        mine, theirs = self.to_tensors(), other.to_tensors()
        joined = {name: torch.cat([mine[name], theirs[name]]) for name in mine}
        return self.from_tensors(joined | {"sizes": mine["sizes"]})

    def to_tensors(self) -> dict[str, Tensor]:
        """All of it by names, on its device."""
        sizes = [self.known.lowest, self.known.highest, self.size]
        return self.rules.to_tensors() | {
            "values": self.known.values,
            "bounds": self.known.bounds,
            "complete": self.known.complete,
            "sizes": torch.tensor(sizes, device="cpu"),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The quadrature that `to_tensors` gave."""
        lowest, highest, size = tensors["sizes"].tolist()
        return cls(
            known=Known(
                values=tensors["values"],
                bounds=tensors["bounds"],
                lowest=lowest,
                highest=highest,
                complete=tensors["complete"],
            ),
            rules=Rules.from_tensors(tensors),
            size=size,
        )


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
    """Quadrature where no eigenvalue is known.

    Args:
        operator: The matrices.
        like: A tensor of the operator's precision and device.
        stream: Name of the random stream.
        seed: The job's seed.
        starts: Number of every run's start; its draws depend on nothing else.
        probes: Number of probes for each run.
        steps: Lanczos steps from each probe, cut to the order of the matrices.

    Returns:
        The quadrature.
    """
    size = operator.size
    steps = min(steps, size)
    runs = range(operator.runs)
    rules = Rules.empty(len(runs), probes, steps, device=like.device)
    for probe in range(probes):
        vectors = random_vectors(size, starts, seed, stream, probe).to(like)
        space = SearchSpace.begin(vectors, steps, Storage.of(like))
        space.start(vectors)
        for _ in range(steps):
            space.step(operator, runs)
        rules.write(probe, space, 0)
    nothing = Known.nothing(len(runs), device=like.device)
    return Quadrature(known=nothing, rules=rules, size=size)


def random_vectors(
    size: int, starts: Sequence[int], seed: int, *stream: str | int
) -> Tensor:
    """Normal random vectors, one for each start, ``(runs, size)``."""
    draws = [
        torch.randn(
            size, generator=generator(seed, *stream, start), dtype=torch.float64
        )
        for start in starts
    ]
    return torch.stack(draws)
