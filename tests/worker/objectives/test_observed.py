"""Objectives whose calls are announced."""

import pytest
import torch

from tests.support.numerics.objectives import quartic
from worker.objectives.observed import Call, ObservedObjective

THETA = torch.ones(2, 2, dtype=torch.float64)


def test_every_call_is_announced_with_its_number_of_runs() -> None:
    heard: list[tuple[Call, int]] = []
    objective = ObservedObjective(
        inner=quartic(), announce=lambda call, runs: heard.append((call, runs))
    )

    objective.value(THETA)
    objective.gradient(THETA)
    hessian = objective.linearise(THETA).hessian
    hessian.matvec(THETA)
    hessian.take(torch.tensor([1])).dense()

    assert heard == [
        (Call.VALUE, 2),
        (Call.GRADIENT, 2),
        (Call.LINEARISATION, 2),
        (Call.PRODUCT, 2),
        (Call.HESSIAN, 1),
    ]


def test_it_is_the_other_objective() -> None:
    inner = quartic()
    objective = ObservedObjective(inner=inner, announce=lambda _call, _runs: None)

    for name in ("parameters", "samples", "smooth", "dtype", "device", "hessian_cost"):
        assert getattr(objective, name) == getattr(inner, name)
    assert objective.bytes_needed(3) == inner.bytes_needed(3)
    assert torch.equal(objective.value(THETA), inner.value(THETA))
    ours, theirs = objective.linearise(THETA), inner.linearise(THETA)
    assert torch.equal(ours.gradient, theirs.gradient)
    assert torch.equal(ours.hessian.matvec(THETA), theirs.hessian.matvec(THETA))
    assert torch.equal(ours.hessian.dense(), theirs.hessian.dense())


def test_a_call_may_be_broken_off_before_it_is_made() -> None:
    def refuse(_call: Call, _runs: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ObservedObjective(inner=quartic(), announce=refuse).value(THETA)
