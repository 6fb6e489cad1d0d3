"""The computation of spectra from products, which can be broken off after each."""

from collections.abc import Callable, Mapping
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.extremes.extremes import Extremes
from worker.linalg.extremes.search import ExtremeSearch
from worker.linalg.extremes.thick_restart import SearchSpace
from worker.linalg.operators import SymmetricOperator
from worker.spectra.estimates import frobenius_norm, trace
from worker.spectra.plan import (
    SpectrumPlan,
    probe_steps,
    search_products,
    search_width,
    vectors_kept,
)
from worker.spectra.quadrature import Known, Quadrature, random_vectors
from worker.spectra.rules import Rules
from worker.spectra.spectrum import Eigenpairs, Spectrum, densities

CONVERGED = 1e-8
"""Residual bound of a converged eigenvalue, relative to the largest magnitude."""


@final
class SpectrumComputation:
    """First the extreme eigenvalues, then probes of the complement of their vectors.

    It goes on from the tensors of its state to the same numbers, bit for bit.
    """

    def __init__(
        self,
        plan: SpectrumPlan,
        space: SearchSpace,
        search: ExtremeSearch,
        rules: Rules,
        probe: int,
    ) -> None:
        """Use `begin` or `from_tensors`."""
        self._plan = plan
        self._space = space
        self._search = search
        self._rules = rules
        self._probe = probe

    @classmethod
    def begin(cls, plan: SpectrumPlan, *, size: int, like: Tensor) -> Self:
        """A computation that has made no product.

        Args:
            plan: What is wanted.
            size: Order of the matrices.
            like: A tensor of the operator's precision and device.

        Returns:
            The computation.
        """
        start = random_vectors(size, plan.starts, plan.seed, "extremes").to(
            device=like.device, dtype=like.dtype
        )
        space = SearchSpace.begin(start, vectors_kept(plan, size), plan.storage)
        space.start(start)
        probes = 0 if plan.density is None else plan.density.probes
        rules = Rules.empty(
            len(start), probes, probe_steps(plan, size), device=like.device
        )
        return cls(plan, space, _search(plan, space, None), rules, 0)

    @classmethod
    def from_tensors(
        cls, plan: SpectrumPlan, tensors: Mapping[str, Tensor], *, like: Tensor
    ) -> Self:
        """The computation whose state `to_tensors` gave.

        Args:
            plan: The same as then.
            tensors: The state.
            like: A tensor of the operator's precision and device.

        Returns:
            The computation.
        """
        space = SearchSpace.from_tensors(
            _group(tensors, "space"), like=like, storage=plan.storage
        )
        search = _search(plan, space, _group(tensors, "search"))
        rules = Rules.from_tensors(
            {
                name: each.to(like.device, copy=True)
                for name, each in _group(tensors, "rules").items()
            }
        )
        return cls(plan, space, search, rules, int(tensors["probe"]))

    def to_tensors(self) -> dict[str, Tensor]:
        """The state, not copied; whole before the first and after every product."""
        groups = {
            "space": self._space.to_tensors(),
            "search": self._search.to_tensors(),
            "rules": self._rules.to_tensors(),
        }
        return {
            "probe": torch.tensor(self._probe, device="cpu"),
            **{
                f"{group}.{name}": tensor
                for group, tensors in groups.items()
                for name, tensor in tensors.items()
            },
        }

    @property
    def products_expected(self) -> int:
        """How many products of a run it will probably have made at its end."""
        _, probes, steps = self._rules.nodes.shape
        return self._search.products_expected + probes * steps

    def run(
        self, operator: SymmetricOperator, *, on_product: Callable[[int], None]
    ) -> Spectrum:
        """Computes what is left.

        Args:
            operator: The matrices.
            on_product: Told after every product how many have been made; may raise.

        Returns:
            The spectrum.
        """

        def announce() -> None:
            on_product(self._space.steps)

        ends = self._search.run(operator, announce)
        known = self._known(ends)
        if self._rules.nodes.shape[2]:
            self._sample(operator, known.values.shape[1], announce)
        return self._spectrum(ends, known)

    def _known(self, ends: Extremes) -> Known:
        """The extremes, as the space holds them after the search."""
        lowest, highest = ends.smallest.shape[1], ends.largest.shape[1]
        held = min(lowest + highest, self._space.vector.shape[1])
        bounds = torch.cat([ends.smallest_bounds, ends.largest_bounds.flip(1)], dim=1)
        return Known(
            values=self._space.projection.diagonal(dim1=1, dim2=2)[:, :held].double(),
            bounds=torch.cat(
                [bounds[:, :lowest], bounds[:, 2 * lowest + highest - held :]], dim=1
            ).double(),
            lowest=lowest,
            highest=highest,
            complete=ends.complete,
        )

    def _sample(
        self, operator: SymmetricOperator, known: int, announce: Callable[[], None]
    ) -> None:
        plan, space = self._plan, self._space
        _, probes, steps = self._rules.nodes.shape
        runs = range(len(space.filled))
        while self._probe < probes:
            if space.filled[0] == known:
                vectors = random_vectors(
                    operator.size, plan.starts, plan.seed, "density", self._probe
                )
                space.start(vectors.to(space.vector))
            space.step(operator, runs)
            if space.filled[0] == known + steps:
                self._rules.write(self._probe, space, known)
                space.filled = [known for _ in runs]
                self._probe += 1
            announce()

    def _spectrum(self, ends: Extremes, known: Known) -> Spectrum:
        plan = self._plan
        rule = None
        if plan.density is not None:
            rule = Quadrature(
                known=known, rules=self._rules, size=self._space.vector.shape[1]
            )
        pairs = None
        if plan.eigenvectors:
            held = known.values.shape[1]
            pairs = Eigenpairs(
                values=known.values, vectors=self._space.basis.rows[:, :held]
            )
        if plan.smallest is not None:
            ends = ends.with_smallest(plan.smallest)
        return Spectrum(
            largest=ends.largest.double(),
            smallest=ends.smallest.double(),
            largest_bounds=ends.largest_bounds.double(),
            smallest_bounds=ends.smallest_bounds.double(),
            largest_converged=ends.largest_converged,
            smallest_converged=ends.smallest_converged,
            complete=ends.complete,
            eigenpairs=pairs,
            density=None if rule is None else densities(rule, plan.density),
            trace=None if rule is None else trace(rule),
            frobenius_norm=None if rule is None else frobenius_norm(rule),
            quadrature=rule,
            exact=False,
            products=ends.products
            + self._rules.beta.shape[1] * self._rules.nodes.shape[2],
        )


def _search(
    plan: SpectrumPlan, space: SearchSpace, state: Mapping[str, Tensor] | None
) -> ExtremeSearch:
    return ExtremeSearch(
        space,
        count=plan.top,
        width=search_width(plan, space.vector.shape[1]),
        tolerance=CONVERGED,
        max_products=search_products(plan),
        smallest=plan.smallest is None or plan.eigenvectors,
        least=plan.least,
        vectors=plan.eigenvectors,
        state=state,
    )


def _group(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{name}."): tensor
        for key, tensor in tensors.items()
        if key.startswith(f"{name}.")
    }
