"""The search space of thick-restart Lanczos for a batch of runs.

The projection of ``H`` on the basis is kept as a dense matrix. So a space that ends
early goes on with a random vector, and one can restart from any of its Ritz vectors.

References:
    K. Wu, H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue
    problems, SIAM J. Matrix Anal. Appl. 22 (2000) 602-616.
"""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.lanczos import negligible, orthogonalise
from worker.linalg.operators import SymmetricOperator
from worker.linalg.ritz import finite_eigh


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ritz:
    """Ritz pairs of a search space.

    Attributes:
        values: Ascending, ``(runs, k)``.
        coordinates: Vectors in the basis, by columns, ``(runs, k, k)``.
        coupling: Part of each residual along the next vector, ``(runs, k)``.
        leak: Bound on the part along vectors dropped before, ``(runs, k)``.
        spurious: Pairs that come from empty places in the basis, ``(runs, k)``.
    """

    values: Tensor
    coordinates: Tensor
    coupling: Tensor
    leak: Tensor
    spurious: Tensor

    def take(self, rows: Tensor) -> Self:
        """The pairs of the runs with the given numbers."""
        return type(self)(
            values=self.values[rows],
            coordinates=self.coordinates[rows],
            coupling=self.coupling[rows],
            leak=self.leak[rows],
            spurious=self.spurious[rows],
        )


@final
@dataclass(slots=True, kw_only=True)
class SearchSpace:
    """An orthonormal basis of ``filled`` vectors in ``width`` places.

    Attributes:
        basis: By rows, ``(runs, width, size)``; empty places hold zeros.
        projection: ``H`` on the basis, ``(runs, width, width)``.
        leak: Norms of the parts of ``H v`` outside the basis and its successors, that
            were dropped, ``(runs, width)``.
        empty: Places that count for nothing, ``(runs, width)``.
        vector: The next vector, ``(runs, size)``.
        beta: Its coupling to the last one, ``(runs,)``.
        scale: Largest norm of a product with a unit vector, ``(runs,)``.
        filled: How many places are used.
    """

    basis: Tensor
    projection: Tensor
    leak: Tensor
    empty: Tensor
    vector: Tensor
    beta: Tensor
    scale: Tensor
    filled: int

    @classmethod
    def begin(cls, start: Tensor, width: int) -> Self:
        """The empty space before the start vectors ``(runs, size)``."""
        runs, size = start.shape
        norm = torch.linalg.vector_norm(start, dim=1, keepdim=True)
        spare = _random_vector(start, 0)
        return cls(
            basis=start.new_zeros(runs, width, size),
            projection=start.new_zeros(runs, width, width),
            leak=start.new_zeros(runs, width),
            empty=torch.zeros(runs, width, dtype=torch.bool, device=start.device),
            vector=torch.where(norm > 0, start / norm, spare / spare.norm()),
            beta=start.new_zeros(runs),
            scale=start.new_zeros(runs),
            filled=0,
        )

    def extend(self, operator: SymmetricOperator, end: int) -> None:
        """Fills the places up to ``end`` by Lanczos steps."""
        size = operator.size
        for place in range(self.filled, end):
            self.basis[:, place] = self.vector
            product = operator.matvec(self.vector)
            used = self.basis[:, : place + 1]
            remainder, components = orthogonalise(used, product)
            self.projection[:, place, : place + 1] = components
            self.projection[:, : place + 1, place] = components
            self.scale = torch.maximum(
                self.scale, torch.linalg.vector_norm(product, dim=1)
            )
            beta = torch.linalg.vector_norm(remainder, dim=1)
            ended = beta <= negligible(self.scale, size)
            self.beta = torch.where(ended, 0, beta)
            self.vector = remainder / beta[:, None]
            if ended.any():
                self._go_on(ended, place + 1)
        self.filled = end

    def _go_on(self, ended: Tensor, filled: int) -> None:
        """Gives the runs whose space ended a random next vector."""
        random = _random_vector(self.vector, filled).expand_as(self.vector)
        remainder, _ = orthogonalise(self.basis[:, :filled], random)
        norm = torch.linalg.vector_norm(remainder, dim=1, keepdim=True)
        self.vector = torch.where(ended[:, None], remainder / norm, self.vector)

    def ritz(self) -> Ritz:
        """The Ritz pairs of the filled places."""
        filled = self.filled
        values, vectors = finite_eigh(self.projection[:, :filled, :filled])
        return Ritz(
            values=values,
            coordinates=vectors,
            coupling=(self.beta[:, None] * vectors[:, -1]).abs(),
            leak=torch.einsum("rk,rki->ri", self.leak[:, :filled], vectors.abs()),
            spurious=torch.einsum(
                "rk,rki->ri", self.empty[:, :filled].to(vectors.dtype), vectors**2
            )
            > 1 / 2,
        )

    def restart(self, ritz: Ritz, *, afresh: Tensor, wanted: int, kept: int) -> None:
        """Goes back to the Ritz vectors at both ends.

        Args:
            ritz: The pairs of the filled places.
            afresh: Runs that go on from a random vector, with the wanted vectors alone,
                ``(runs,)``; the others go on where they are.
            wanted: How many vectors at either end are wanted.
            kept: How many vectors at either end are kept.
        """
        width = self.basis.shape[1]
        middle = ritz.values[:, self.filled // 2, None]
        ends = torch.arange(self.filled, device=middle.device)
        ends = torch.cat([ends[:kept], ends[-kept:]])
        place = torch.arange(2 * kept, device=middle.device)
        surplus = (place >= wanted) & (place < 2 * kept - wanted)
        empty = ritz.spurious[:, ends] | (afresh[:, None] & surplus)
        columns = torch.where(empty[:, None], 0, ritz.coordinates[:, :, ends])
        leak = ritz.leak + torch.where(afresh[:, None], ritz.coupling, 0)

        rows = torch.bmm(columns.mT, self.basis[:, : self.filled])
        self.basis[:, : 2 * kept] = rows
        self.projection = torch.diag_embed(
            torch.nn.functional.pad(
                torch.where(empty, middle, ritz.values[:, ends]),
                (0, width - 2 * kept),
            )
        )
        self.leak[:, : 2 * kept] = torch.where(empty, 0, leak[:, ends])
        self.empty[:, : 2 * kept] = empty
        self.leak[:, 2 * kept :] = 0
        self.empty[:, 2 * kept :] = False
        self.filled = 2 * kept
        if afresh.any():
            self._go_on(afresh, self.filled)

    def take(self, rows: Tensor) -> Self:
        """The space of the runs with the given numbers."""
        return type(self)(
            basis=self.basis[rows],
            projection=self.projection[rows],
            leak=self.leak[rows],
            empty=self.empty[rows],
            vector=self.vector[rows],
            beta=self.beta[rows],
            scale=self.scale[rows],
            filled=self.filled,
        )


_SEED = 0x67666C74


def _random_vector(like: Tensor, number: int) -> Tensor:
    """A normal random vector ``(size,)``, the same for every run and every call."""
    generator = torch.Generator().manual_seed(_SEED + number)
    draw = torch.randn(like.shape[1], generator=generator, dtype=torch.float64)
    return draw.to(like)
