"""Every finder on every problem."""

import pytest
import torch

from tests.support.numerics.finders import FINDERS, FIRST_ORDER, MONOTONE, SECOND_ORDER
from tests.support.numerics.problems import CASES, ZERO
from worker.finders.base import StopReason
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search

CUTOFF = 1e-10
ROUNDING = 1e-12


RUNS = [
    *((kind, hessian) for kind in SECOND_ORDER for hessian in ("exact", "krylov")),
    *((kind, "krylov") for kind in FIRST_ORDER),
]


def _iterations(kind: str, success: float) -> int:
    if kind in SECOND_ORDER:
        return 60
    if success == 0.0:
        return 30
    return 150


@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize(("kind", "hessian"), RUNS)
def test_converged_points_are_critical(
    kind: str, hessian: HessianChoice, problem: str, device: torch.device
) -> None:
    case = CASES[problem](device)
    success = case.success if kind in SECOND_ORDER else case.easy

    found = search(
        case.objective,
        FINDERS[kind],
        case.starts,
        max_iterations=_iterations(kind, success),
        squared_gradient_norm_cutoff=CUTOFF,
        hessian=hessian,
    )

    stops = [stop is StopReason.CONVERGED for stop in found.stop]
    converged = torch.tensor(stops, device=device)
    assert converged.double().mean() >= success
    assert (found.gradient[converged].square().sum(1) < CUTOFF).all()
    assert (found.gradient[~converged].square().sum(1) >= CUTOFF).all()
    assert StopReason.NON_FINITE not in found.stop
    if kind in MONOTONE:
        square = found.traces["squared_gradient_norm"]
        falls = square.diff(dim=1) / square[:, :-1]
        assert (falls[falls.isfinite()] < ROUNDING).all()
    if case.answers is None or not converged.any():
        return
    theta = found.theta[converged]
    matrices = case.objective.linearise(theta).hessian.dense()
    negative = (torch.linalg.eigvalsh(matrices) < -ZERO).sum(1)
    for (loss, index), value, count in zip(
        case.answers(theta), found.value[converged], negative, strict=True
    ):
        assert float(value) == pytest.approx(loss, rel=1e-6, abs=1e-8)
        assert int(count) == index
