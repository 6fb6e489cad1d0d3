"""Gauss rules: what Lanczos from a probe tells of its spectral measure.

References:
    Golub, Meurant, Matrices, Moments and Quadrature with Applications, Princeton
    (2010), chapter 6, for the rules of Gauss and of Gauss and Radau.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.extremes.thick_restart import SearchSpace
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

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The rules that `to_tensors` gave, among other tensors perhaps."""
        return cls(
            nodes=tensors["nodes"],
            first=tensors["first"],
            last=tensors["last"],
            beta=tensors["beta"],
        )

    def take(self, rows: Tensor) -> Self:
        """The rules of the runs with the given numbers, ``(k,)`` integers."""
        return self.from_tensors(
            {name: each[rows] for name, each in self.to_tensors().items()}
        )

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
