import pytest
import torch

from tests.support.numerics.matrices import symmetric, vectors
from worker.linalg.operators import DenseOperator
from worker.linalg.restriction import Restriction


@pytest.mark.parametrize("formed_whole", [True, False])
def test_a_block_is_that_of_the_matrix(*, formed_whole: bool) -> None:
    A = torch.stack([symmetric(torch.linspace(-1, 2, 7), seed) for seed in range(3)])
    entries = torch.tensor([1, 2, 5])
    block = Restriction(
        operator=DenseOperator(matrices=A),
        entries=entries,
        dtype=A.dtype,
        formed_whole=formed_whole,
    )
    expected = A[:, entries][:, :, entries]
    x = vectors(3, 3)

    assert (block.runs, block.size) == (3, 3)
    torch.testing.assert_close(block.dense(), expected)
    torch.testing.assert_close(block.matvec(x), (expected @ x[:, :, None])[:, :, 0])
    taken = block.take(torch.tensor([2, 0]))
    torch.testing.assert_close(taken.dense(), expected[[2, 0]])
