"""The search space of thick-restart Lanczos for a batch of runs.

The projection of ``H`` on the basis is kept as a dense matrix. So a space that ends
early goes on with a random vector, and one can restart from any of its Ritz vectors.
Runs take their steps together, but each fills and restarts its own space.

References:
    K. Wu, H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue
    problems, SIAM J. Matrix Anal. Appl. 22 (2000) 602-616.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import torch
from torch import Tensor

from worker.linalg.extremes.basis import Basis, Storage
from worker.linalg.lanczos import negligible
from worker.linalg.operators import SymmetricOperator
from worker.linalg.ritz import finite_eigh


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ritz:
    """Ritz pairs of the search spaces of some runs.

    Attributes:
        values: Ascending, ``(k, filled)``.
        coordinates: Vectors in the basis, by columns, ``(k, filled, filled)``.
        last: Part of each residual along the next vector, ``(k, filled)``.
    """

    values: Tensor
    coordinates: Tensor
    last: Tensor

    def take(self, rows: Tensor) -> Self:
        """The pairs of some of the runs."""
        return type(self)(
            values=self.values[rows],
            coordinates=self.coordinates[rows],
            last=self.last[rows],
        )


@final
@dataclass(slots=True, kw_only=True)
class SearchSpace:
    """An orthonormal basis for every run, and the operator's projection on it.

    Attributes:
        basis: The vectors, ``(runs, places, size)``.
        projection: Lower triangles of ``H`` on the basis, ``(runs, places, places)``.
        dropped: Gram matrices of what was dropped, in all rounds, of the parts of
            ``H v`` outside the basis, ``(runs, places, places)``.
        vector: The next vector, ``(runs, size)``.
        beta: Its coupling to the last one, ``(runs,)``.
        scale: Largest norm of a product with a unit vector, ``(runs,)``.
        filled: How many places each run uses.
        restarts: How often each run went back.
        rounds: How often it went on afresh then.
        steps: Taken so far.
    """

    basis: Basis
    projection: Tensor
    dropped: Tensor
    vector: Tensor
    beta: Tensor
    scale: Tensor
    filled: list[int]
    restarts: list[int]
    rounds: list[int]
    steps: int

    @classmethod
    def begin(cls, like: Tensor, places: int, storage: Storage) -> Self:
        """Free places, for vectors like those given, ``(runs, size)``."""
        runs, size = like.shape
        return cls(
            basis=Basis.empty(runs, places, size, storage),
            projection=like.new_zeros(runs, places, places),
            dropped=like.new_zeros(runs, places, places),
            vector=torch.zeros_like(like),
            beta=like.new_zeros(runs),
            scale=like.new_zeros(runs),
            filled=[0] * runs,
            restarts=[0] * runs,
            rounds=[0] * runs,
            steps=0,
        )

    def start(self, vectors: Tensor) -> None:
        """Goes on from vectors ``(runs, size)``, made orthogonal to the basis.

        Those that lie in the basis are replaced by random ones.
        """
        unit, remaining = self._complement(vectors)
        norm = torch.linalg.vector_norm(vectors, dim=1)
        self.vector = unit
        self.beta = torch.zeros_like(self.beta)
        lost = remaining <= negligible(norm, vectors.shape[1])
        self._go_on(lost.nonzero()[:, 0].tolist())

    def step(self, operator: SymmetricOperator, runs: Sequence[int]) -> None:
        """Fills one more place of some runs; the others have ended.

        Args:
            operator: Of these runs alone.
            runs: Their numbers.
        """
        end = max(self.filled[run] for run in runs) + 1
        for run in runs:
            self.basis.write(run, self.filled[run], self.vector[run])
        product = self._product(operator, runs)
        norm = torch.linalg.vector_norm(product, dim=1)
        remainder, components = self.basis.orthogonalise(product, end)
        for run in runs:
            place = self.filled[run]
            self.projection[run, place, :end] = components[run]
            self.filled[run] += 1
        self.steps += 1
        self.scale = torch.maximum(self.scale, norm)
        beta = torch.linalg.vector_norm(remainder, dim=1)
        ended = beta <= negligible(self.scale, remainder.shape[1])
        self.beta = torch.where(ended, 0, beta)
        self.vector = self.basis.as_kept(remainder / beta[:, None])
        lost = ended.tolist()
        self._go_on([run for run in runs if lost[run]])

    def _product(self, operator: SymmetricOperator, runs: Sequence[int]) -> Tensor:
        """Products of the next vectors of some runs; zero for the others."""
        if len(runs) == len(self.filled):
            return operator.matvec(self.vector)
        chosen = list(runs)
        product = torch.zeros_like(self.vector)
        product[chosen] = operator.matvec(self.vector[chosen])
        return product

    def ritz(self, runs: list[int]) -> Ritz:
        """The Ritz pairs of runs that have filled equally many places."""
        filled = self.filled[runs[0]]
        values, vectors = finite_eigh(self.projection[runs, :filled, :filled])
        return Ritz(
            values=values,
            coordinates=vectors,
            last=self.beta[runs, None] * vectors[:, -1],
        )

    def bounds(self, runs: list[int], ritz: Ritz) -> Tensor:
        """How close to each value of the pairs an eigenvalue lies, ``(k, filled)``."""
        filled = ritz.values.shape[1]
        dropped = _in_coordinates(
            self.dropped[runs, :filled, :filled], ritz.coordinates
        )
        # Of so many vectors, none longer than its part, by Cauchy and Schwarz.
        rounds = dropped.new_tensor([self.rounds[run] for run in runs])
        square = rounds[:, None] * dropped.diagonal(dim1=1, dim2=2)
        restarts = dropped.new_tensor([self.restarts[run] for run in runs])
        eps = torch.finfo(self.basis.rows.dtype).eps
        rounding = eps * self.scale[runs] * (filled**0.5 + restarts)
        return ritz.last.abs() + square.clamp_min(0).sqrt() + rounding[:, None]

    def restart(self, runs: list[int], ritz: Ritz, kept: Tensor) -> None:
        """Goes back to some Ritz vectors, and on from where it was.

        Args:
            runs: Numbers of runs.
            ritz: Their pairs.
            kept: Which of them are kept, integers.
        """
        filled, count = ritz.values.shape[1], len(kept)
        columns = ritz.coordinates[:, :, kept]
        dropped = _in_coordinates(self.dropped[runs, :filled, :filled], columns)
        self.projection[runs] = 0
        self.projection[runs, :count, :count] = torch.diag_embed(ritz.values[:, kept])
        self.dropped[runs] = 0
        self.dropped[runs, :count, :count] = dropped
        for row, run in enumerate(runs):
            self.basis.rotate(run, columns[row])
            self.filled[run] = count
            self.restarts[run] += 1

    def restart_afresh(self, runs: list[int], ritz: Ritz, kept: Tensor) -> None:
        """Goes back to some Ritz vectors, and on from a random vector."""
        self.restart(runs, ritz, kept)
        lost = ritz.last[:, kept]
        count = len(kept)
        self.dropped[runs, :count, :count] += lost[:, :, None] * lost[:, None]
        for run in runs:
            self.rounds[run] += 1
        self.beta[runs] = 0
        self._go_on(runs)

    def to_tensors(self) -> dict[str, Tensor]:
        """The whole state under flat names; the basis as far as it is filled."""
        return {
            "basis": self.basis.rows[:, : max(self.filled)],
            "steps": torch.tensor(self.steps, device="cpu"),
            **{name: getattr(self, name) for name in _TENSORS},
            **{
                name: torch.tensor(getattr(self, name), device="cpu")
                for name in _COUNTS
            },
        }

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], *, like: Tensor, storage: Storage
    ) -> Self:
        """The state that `to_tensors` gave."""
        state: dict[str, Any] = {
            name: tensors[name].to(like.device, copy=True) for name in _TENSORS
        }
        state |= {name: tensors[name].tolist() for name in _COUNTS}
        runs, places, _ = state["projection"].shape
        basis = Basis.empty(runs, places, like.shape[1], storage)
        basis.rows[:, : tensors["basis"].shape[1]] = tensors["basis"].to(basis.rows)
        return cls(basis=basis, steps=int(tensors["steps"]), **state)

    def _go_on(self, runs: list[int]) -> None:
        """Gives some runs a random next vector."""
        if runs:
            random = _random_vector(self.vector, self.steps).expand_as(self.vector)
            self.vector[runs] = self._complement(random)[0][runs]

    def _complement(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors along what the basis leaves of vectors, and its norm."""
        remainder, _ = self.basis.orthogonalise(vectors, max(self.filled))
        norm = torch.linalg.vector_norm(remainder, dim=1)
        return self.basis.as_kept(remainder / norm[:, None]), norm


_TENSORS = (
    "projection",
    "dropped",
    "vector",
    "beta",
    "scale",
)
_COUNTS = ("filled", "restarts", "rounds")


def _in_coordinates(gram: Tensor, columns: Tensor) -> Tensor:
    """A Gram matrix of combinations, ``(k, n, n)`` by ``(k, n, m)``."""
    return columns.mT @ gram @ columns


_SEED = 0x67666C74


def _random_vector(like: Tensor, number: int) -> Tensor:
    """A normal random vector ``(size,)``, the same for every run and every call."""
    generator = torch.Generator().manual_seed(_SEED + number)
    draw = torch.randn(like.shape[1], generator=generator, dtype=torch.float64)
    return draw.to(like)
