import torch

from tests.support.numerics.matrices import symmetric, vectors
from worker.linalg.operators import DenseOperator


def test_a_dense_operator_multiplies_run_by_run() -> None:
    A = torch.stack([symmetric(torch.linspace(-1, 2, 6), seed) for seed in range(3)])
    x = vectors(3, 6)

    operator = DenseOperator(matrices=A)

    assert (operator.runs, operator.size) == (3, 6)
    assert torch.allclose(operator.matvec(x), (A @ x[:, :, None])[:, :, 0])
    assert operator.dense() is A


def test_runs_are_taken_in_the_order_asked() -> None:
    A = torch.stack([symmetric(torch.linspace(-1, 2, 6), seed) for seed in range(3)])

    taken = DenseOperator(matrices=A).take(torch.tensor([2, 0]))

    assert torch.equal(taken.dense(), A[[2, 0]])
