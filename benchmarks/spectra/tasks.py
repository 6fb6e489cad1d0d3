"""What is asked of a library on a network, with more and more effort."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from benchmarks.settings import Settings
from benchmarks.spectra.found import area_between
from benchmarks.spectra.libraries import Library, Product
from benchmarks.spectra.ours import Gradflat
from benchmarks.spectra.problems import Problem
from worker.spectra.plan import DensityPlan
from worker.spectra.spectrum import exact_spectrum

TOP = 5
ACCURACY = 1e-12
_STEPS = {"full": 60, "quick": 40, "tiny": 3}
_PROBES = 8
_MORE_PROBES = (8, 12, 16, 24, 32, 48)
_SEEDS = {"full": range(4), "quick": range(2), "tiny": range(1)}
_ALIKE = 1.1
"""Ratio of two mean errors of densities that a few seeds do not tell apart."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked of a library on a network.

    Attributes:
        problem: The network's Hessian.
        library: The library.
        effort: The least that is enough, or the most that it may take.
        error: With that effort, on the formed Hessian.
        wanted: Error that is small enough.
        attempt: Does it with given products, and tells how many it made.
    """

    problem: Problem
    library: Library
    effort: float
    error: float
    wanted: float
    attempt: Callable[[Product], int]

    def run(self) -> int:
        """Does it with the library's own products, and tells how many it made."""
        product = self.library.product(self.problem.network, self.problem.theta[0])
        return self.attempt(product)


def ends(problem: Problem, library: Library) -> Task:
    """Eigenvalues at both ends."""
    top = min(TOP, len(problem.eigenvalues) // 4)
    truth, like = problem.ends(top), problem.theta[0]

    def error_of(effort: float) -> float:
        found = library.ends(_diagonal(problem), like, top=top, effort=effort)
        return found.error(truth)

    effort, error = _least(library.efforts, error_of, ACCURACY)
    return Task(
        problem=problem,
        library=library,
        effort=effort,
        error=error,
        wanted=ACCURACY,
        attempt=lambda product: (
            library.ends(product, like, top=top, effort=effort).products
        ),
    )


def density(problem: Problem, library: Library, settings: Settings) -> Task | None:
    """The spectral density; None where a library has none."""
    like, steps = problem.theta[0], _STEPS[settings.scale]
    if library.rule(_diagonal(problem), like, probes=1, steps=steps, seed=0) is None:
        return None
    own = isinstance(library, Gradflat)
    wanted = _ALIKE * _Densities(problem, Gradflat(), settings).error(_PROBES)
    probes, error = _least(
        (_PROBES,) if own else _MORE_PROBES,
        _Densities(problem, library, settings).error,
        wanted,
    )

    def attempt(product: Product) -> int:
        found = library.rule(product, like, probes=int(probes), steps=steps, seed=0)
        return 0 if found is None else found.products

    return Task(
        problem=problem,
        library=library,
        effort=probes,
        error=error,
        wanted=wanted,
        attempt=attempt,
    )


def _least(
    efforts: tuple[float, ...], error_of: Callable[[float], float], wanted: float
) -> tuple[float, float]:
    """The least effort that is enough, or else the last, and its error."""
    effort, error = efforts[0], float("inf")
    for effort in efforts:
        error = error_of(effort)
        if error <= wanted:
            break
    return effort, error


@final
class _Densities:
    """Densities by a library, of one probe each: more probes take in those of fewer."""

    def __init__(self, problem: Problem, library: Library, settings: Settings) -> None:
        self._problem = problem
        self._library = library
        self._steps = _STEPS[settings.scale]
        self._grid, self._truth, self._broadening = _true_density(problem)
        self._product = _diagonal(problem) if library.isotropic else _formed(problem)
        none: list[Tensor] = []
        self._made = {seed: none.copy() for seed in _SEEDS[settings.scale]}

    def error(self, probes: float) -> float:
        """Area between that of so many and the true one, in the mean over seeds."""
        errors: list[float] = []
        for seed, made in self._made.items():
            made += [self._density(seed, n) for n in range(len(made), int(probes))]
            values = torch.stack(made).mean(dim=0)
            errors.append(area_between(values, self._truth, self._grid))
        return sum(errors) / len(errors)

    def _density(self, seed: int, number: int) -> Tensor:
        found = self._library.rule(
            self._product,
            self._problem.theta[0],
            probes=1,
            steps=self._steps,
            seed=1000 * seed + number,
        )
        if found is None:
            raise ValueError(f"{self._library.name} has no densities")
        return found.density(self._grid, self._broadening)


def _true_density(problem: Problem) -> tuple[Tensor, Tensor, float]:
    """Its grid, its values and its broadening."""
    plan = DensityPlan(probes=1, steps=1)
    exact = exact_spectrum(problem.eigenvalues[None], None, top=0, density_plan=plan)
    if exact.density is None or exact.density[0] is None:
        raise ValueError("the Hessian is not finite")
    truth = exact.density[0]
    return truth.grid, truth.values, truth.broadening


def _formed(problem: Problem) -> Product:
    def product(vector: Tensor) -> Tensor:
        return problem.matrix @ vector

    return product


def _diagonal(problem: Problem) -> Product:
    """In the coordinates of the eigenvectors, far faster."""

    def product(vector: Tensor) -> Tensor:
        return problem.eigenvalues * vector

    return product
