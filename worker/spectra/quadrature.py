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
    optimal stochastic trace estimation, SOSA (2021); Golub, Meurant, Matrices, Moments
    and Quadrature with Applications, Princeton (2010), chapter 6, for Gauss-Radau.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.datasets.randomness import generator
from worker.linalg.extremes.basis import Storage
from worker.linalg.extremes.thick_restart import SearchSpace
from worker.linalg.operators import SymmetricOperator
from worker.linalg.ritz import finite_eigh


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One Gauss rule of mass 1 for every run and probe.

    Attributes:
        nodes: Ritz values, ascending, ``(runs, probes, steps)`` float64.
        first: First components of the Ritz vectors, of the same shape.
        last: Their last components.
        beta: Coupling of the last Lanczos vector to the next, ``(runs, probes)``.
    """

    nodes: Tensor
    first: Tensor
    last: Tensor
    beta: Tensor

    @classmethod
    def empty(cls, runs: int, probes: int, steps: int, *, device: torch.device) -> Self:
        """Rules that are yet to be written."""
        zeros = torch.zeros(3, runs, probes, steps, dtype=torch.float64, device=device)
        return cls(
            nodes=zeros[0],
            first=zeros[1],
            last=zeros[2],
            beta=zeros.new_zeros(runs, probes),
        )

    @property
    def weights(self) -> Tensor:
        """Of sum one, ``(runs, probes, steps)``; zero past a breakdown."""
        return self.first**2

    def to_tensors(self) -> dict[str, Tensor]:
        """Its tensors by their names."""
        return {
            "nodes": self.nodes,
            "first": self.first,
            "last": self.last,
            "beta": self.beta,
        }

    def write(self, probe: int, space: SearchSpace, known: int) -> None:
        """Writes down a probe's rule.

        Args:
            probe: Its number.
            space: Filled from the probe's vector on, in all runs alike.
            known: Places before it, of known eigenvectors.
        """
        block = slice(known, space.filled[0])
        nodes, vectors = finite_eigh(space.projection[:, block, block].double())
        self.nodes[:, probe] = nodes
        self.first[:, probe], self.last[:, probe] = vectors[:, 0], vectors[:, -1]
        self.beta[:, probe] = space.beta

    def resolved(self) -> Tensor:
        """Whether each node is that of an eigenvalue of its own, of its shape."""
        far = torch.full_like(self.nodes[..., :1], torch.inf)
        gaps = torch.cat([far, self.nodes.diff(dim=2), far], dim=2)
        gap = torch.minimum(gaps[..., :-1], gaps[..., 1:])
        return (self.beta[:, :, None] * self.last).abs() < gap / 4

    def mass_below(self, limit: Tensor) -> tuple[Tensor, Tensor]:
        """The sharpest bounds on the measures below a limit that the rules allow.

        They are those of Chebyshev and Markov: the Gauss-Radau rule with a node at the
        limit has as its weights there all that is not settled.

        Args:
            limit: ``(runs,)``.

        Returns:
            Lower and upper bounds, ``(runs, probes)`` each.
        """
        runs, probes, steps = self.nodes.shape
        distance = self.nodes - limit[:, None, None]
        reach = self.nodes.abs() + limit.abs()[:, None, None]
        tiny = torch.finfo(reach.dtype).eps * reach.clamp_min(1e-30)
        distance = torch.where(distance.abs() < tiny, tiny, distance)
        border = self.beta[:, :, None] * self.last
        corner = limit[:, None] + (border**2 / distance).sum(dim=2)
        arrow = self.nodes.new_zeros(runs, probes, steps + 1, steps + 1)
        arrow.diagonal(dim1=2, dim2=3)[..., :steps] = self.nodes
        arrow[..., steps, steps] = corner
        arrow[..., steps, :steps] = arrow[..., :steps, steps] = border
        nodes, vectors = finite_eigh(arrow.flatten(0, 1))
        nodes, vectors = (
            nodes.unflatten(0, (runs, -1)),
            vectors.unflatten(0, (runs, -1)),
        )
        weights = torch.einsum("rps,rpsk->rpk", self.first, vectors[:, :, :steps]) ** 2
        numbers = torch.arange(steps + 1, device=nodes.device)
        at = (nodes - limit[:, None, None]).abs().argmin(dim=2, keepdim=True)
        lower = (weights * (numbers < at)).sum(dim=2)
        upper = (weights * (numbers <= at)).sum(dim=2)
        return lower.clamp(0, 1), upper.clamp(0, 1)


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
