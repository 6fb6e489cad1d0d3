"""MINRES-QLP for a batch of symmetric systems.

The published algorithm updates ``x`` by the cheaper rule of MINRES until the condition
number reaches 1e4 and transfers to QLP then. Here either rule would be one product of
small matrices with the vectors, so QLP, the more accurate one, is used from the first
step. The stopping rules are the published ones.

No run is masked in the loop: a run that stops is written down at once and computes on
without effect until the batch is compacted.
"""

from dataclasses import dataclass
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.minres.recurrence import Recurrence, Step, advance
from worker.linalg.minres.solution import Solution, SolveStop
from worker.linalg.operators import SymmetricOperator

_STOPS = list(SolveStop)


def minres_qlp(
    operator: SymmetricOperator,
    rhs: Tensor,
    *,
    rtol: float,
    max_iterations: int,
    max_solution_norm: float | Tensor = 1e4,
    max_condition: float = 1e7,
) -> Solution:
    """Solves ``min |b - H x|`` for the shortest ``x``, one system for each run.

    Args:
        operator: The matrices ``H``.
        rhs: Right-hand sides ``b``, ``(runs, size)``.
        rtol: Relative residual or relative co-kernel residual at which a run stops; a
            value below the rounding unit is taken as that. (A solution so long that it
            is an eigenvector of eigenvalue zero then has a small relative residual.)
        max_iterations: Largest number of Krylov steps of a run, at least one.
        max_solution_norm: A term that would make ``x`` this long is not taken; of all
            runs, or ``(runs,)``.
        max_condition: Condition number at which a run stops.

    Returns:
        The solutions, in the order of the right-hand sides.
    """
    found = _Found.empty(rhs)
    rhs_norm = torch.linalg.vector_norm(rhs, dim=1)
    runs = rhs_norm.nonzero()[:, 0]
    if len(runs):
        rtol = max(rtol, torch.finfo(rhs.dtype).eps)
        longest = rhs_norm.new_ones(()) * max_solution_norm
        _iterate(
            operator if len(runs) == len(rhs) else operator.take(runs),
            rhs[runs],
            found=found,
            runs=runs,
            tests=_Tests.of(
                rhs_norm[runs], rtol, longest.expand(len(rhs))[runs], max_condition
            ),
            max_iterations=max_iterations,
        )
    return _solution(operator, rhs, rhs_norm, found)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Tests:
    """The stopping tests.

    Attributes:
        rhs_norm: Norms of the right-hand sides, ``(runs,)``.
        factors: ``rtol`` twice, the inverse of the largest norm and of the largest
            condition number, ``(4, runs)``.
    """

    rhs_norm: Tensor
    factors: Tensor

    @classmethod
    def of(
        cls,
        rhs_norm: Tensor,
        rtol: float,
        max_solution_norm: Tensor,
        max_condition: float,
    ) -> Self:
        """The tests for the given limits."""
        ones = torch.ones_like(rhs_norm)
        factors = [
            rtol * ones,
            rtol * ones,
            1 / max_solution_norm,
            ones / max_condition,
        ]
        return cls(rhs_norm=rhs_norm, factors=torch.stack(factors))

    def take(self, rows: Tensor) -> Self:
        """The tests of the runs with the given numbers."""
        return type(self)(rhs_norm=self.rhs_norm[rows], factors=self.factors[:, rows])

    def passed(self, step: Step) -> Tensor:
        """Which reasons to stop do *not* hold.

        Undefined numbers fail every test, so that they stop a run.

        Args:
            step: The step just made.

        Returns:
            Booleans ``(4, runs)``: residual, co-kernel residual, solution norm,
            condition.
        """
        state, length = step.state, step.solution_norm
        scale = torch.addcmul(self.rhs_norm, state.norm, length)
        left = [state.phi.abs(), step.cokernel, state.one, step.smallest]
        right = [scale, state.norm, length, state.norm]
        return torch.stack(left) > self.factors * torch.stack(right)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is written down of every run when it stops."""

    x: Tensor
    stop: Tensor
    iterations: Tensor
    products: Tensor
    norm: Tensor

    @classmethod
    def empty(cls, rhs: Tensor) -> Self:
        """The answers to right-hand sides of zero."""
        count = torch.zeros(len(rhs), dtype=torch.int64, device=rhs.device)
        return cls(
            x=torch.zeros_like(rhs),
            stop=torch.full_like(count, _STOPS.index(SolveStop.ZERO_RHS)),
            iterations=count.clone(),
            products=count,
            norm=rhs.new_zeros(len(rhs)),
        )

    def write(
        self,
        runs: Tensor,
        before: Recurrence,
        step: Step,
        passed: Tensor,
        iteration: int,
    ) -> None:
        """Writes down the runs with the given numbers; the rest holds just these."""
        stop = _reasons(step, passed)
        failed = stop == _STOPS.index(SolveStop.NOT_FINITE)
        # A residual that was in the co-kernel to rounding leaves only rounding errors
        # for the last term; without it the solution is the shortest.
        negligible = torch.finfo(self.x.dtype).eps ** (2 / 3) * step.state.norm
        noise = (stop == _STOPS.index(SolveStop.COKERNEL_RESIDUAL)) & (
            step.cokernel <= negligible
        )
        self.x[runs] = torch.where(
            failed[:, None],
            before.iterate(torch.ones_like(failed)),
            step.state.iterate(passed[2] & ~noise),
        )
        self.stop[runs] = stop
        self.iterations[runs] = iteration - failed.long()
        self.products[runs] = iteration
        self.norm[runs] = torch.where(failed, before.norm, step.state.norm)


def _iterate(
    operator: SymmetricOperator,
    rhs: Tensor,
    *,
    found: _Found,
    runs: Tensor,
    tests: _Tests,
    max_iterations: int,
) -> None:
    """Steps until every run has stopped; ``runs`` are the numbers in ``found``."""
    state = Recurrence.start(rhs, tests.rhs_norm)
    going = torch.ones_like(runs, dtype=torch.bool)
    for iteration in range(1, max_iterations + 1):
        step = advance(state, operator, iteration)
        passed = tests.passed(step)
        stopped = going > passed.all(dim=0)
        if iteration == max_iterations:
            stopped = going
        if stopped.any():
            rows = stopped.nonzero()[:, 0]
            found.write(
                runs[rows],
                state.take(rows),
                step.take(rows),
                passed[:, rows],
                iteration,
            )
            going = going & ~stopped
            left = going.nonzero()[:, 0]
            if len(left) == 0:
                return
            if 2 * len(left) <= len(runs):
                operator, step, tests = (
                    operator.take(left),
                    step.take(left),
                    tests.take(left),
                )
                runs, going = runs[left], going[left]
        state = step.state


def _reasons(step: Step, passed: Tensor) -> Tensor:
    """Why the given runs stop, as positions in `SolveStop`, ``(runs,)``."""
    residual, cokernel, length, condition = ~passed
    finite = step.cokernel.isfinite() & step.state.beta.isfinite()
    stop = torch.full_like(
        finite, _STOPS.index(SolveStop.ITERATIONS), dtype=torch.int64
    )
    # From the last to the first: an earlier reason overwrites a later one.
    for holds, reason in (
        (condition, SolveStop.CONDITION),
        (length, SolveStop.SOLUTION_NORM),
        (cokernel, SolveStop.COKERNEL_RESIDUAL),
        (residual & ~length, SolveStop.RESIDUAL),
        (~finite, SolveStop.NOT_FINITE),
    ):
        stop = torch.where(holds, _STOPS.index(reason), stop)
    return stop


def _solution(
    operator: SymmetricOperator, rhs: Tensor, rhs_norm: Tensor, found: _Found
) -> Solution:
    """Adds the residuals of the solutions to what was found."""
    residual = rhs - operator.matvec(found.x)
    residual_norm = torch.linalg.vector_norm(residual, dim=1)
    cokernel = torch.linalg.vector_norm(operator.matvec(residual), dim=1)
    scale = found.norm * torch.linalg.vector_norm(found.x, dim=1) + rhs_norm
    return Solution(
        x=found.x,
        residual=residual,
        stop=[_STOPS[code] for code in found.stop.tolist()],
        iterations=found.iterations,
        residual_norm=residual_norm,
        cokernel_residual_norm=cokernel,
        norm_estimate=found.norm,
        relative_residual=_ratio(residual_norm, scale),
        relative_cokernel_residual=_ratio(cokernel, found.norm * residual_norm),
        products=found.products + 2,
    )


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, zero where the numerator is."""
    return torch.where(numerator == 0, numerator, numerator / denominator)
