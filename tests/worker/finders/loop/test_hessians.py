import pytest
import torch

from tests.support.numerics.objectives import FunctionObjective, quartic
from worker.errors import RunError
from worker.finders.loop.hessians import HessianChoice, forms_hessians
from worker.finders.loop.search import search
from worker.finders.newton_mr import NewtonMr


def bowl(parameters: int, cost: float) -> FunctionObjective:
    return FunctionObjective(
        function=lambda theta: theta.square().sum(1),
        parameters=parameters,
        hessian_cost=cost,
    )


@pytest.mark.parametrize(
    ("choice", "cost", "limit", "formed"),
    [
        ("auto", 10.0, 20, "formed"),
        ("auto", 11.0, 20, "not"),
        ("auto", 1.0, 9, "not"),
        ("exact", 1e9, 10, "formed"),
        ("krylov", 0.0, 20, "not"),
    ],
)
def test_hessians_are_formed_where_that_is_allowed_and_cheaper(
    choice: HessianChoice, cost: float, limit: int, formed: str
) -> None:
    found = forms_hessians(choice, bowl(10, cost), NewtonMr(), dense_limit=limit)

    assert found is (formed == "formed")


def test_hessians_beyond_the_limit_are_refused() -> None:
    with pytest.raises(RunError) as caught:
        forms_hessians("exact", bowl(10, 1.0), NewtonMr(), dense_limit=9)

    assert caught.value.code == "hessian_too_large"


@pytest.mark.parametrize("choice", ["exact", "krylov"])
def test_a_result_tells_what_was_done(choice: HessianChoice) -> None:
    start = torch.tensor([[-4.0, 1.0]], dtype=torch.float64)

    found = search(quartic(), NewtonMr(), start, hessian=choice)

    assert found.formed is (choice == "exact")
