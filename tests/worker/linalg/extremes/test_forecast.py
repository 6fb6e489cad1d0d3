import pytest
import torch
from torch import Tensor

from worker.linalg.extremes.basis import Storage
from worker.linalg.extremes.search import ExtremeSearch, places
from worker.linalg.extremes.thick_restart import SearchSpace
from worker.linalg.operators import DiagonalOperator

COUNT = 3
EVEN = torch.linspace(-1, 3, 1000, dtype=torch.float64)
CROWDED = torch.logspace(-9, 1, 1000, dtype=torch.float64)


def expectations(values: Tensor, *, max_products: int) -> list[int]:
    """What is expected after every product, of matrices with these eigenvalues."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(values.shape, generator=generator, dtype=torch.float64)
    space = SearchSpace.begin(start, places(COUNT), Storage.of(start))
    space.start(start)
    search = ExtremeSearch(
        space,
        count=COUNT,
        width=places(COUNT),
        tolerance=1e-8,
        max_products=max_products,
    )
    found: list[int] = []
    search.run(
        DiagonalOperator(values=values),
        lambda: found.append(search.products_expected),
    )
    return found


def test_a_long_search_is_foreseen() -> None:
    found = expectations(EVEN[None], max_products=4000)

    made = len(found)
    assert made > 2 * found[0]
    assert found[-1] == made
    assert made / 2 <= found[made // 2] <= 2 * made
    assert found[3 * made // 4] == pytest.approx(made, rel=0.15)
    assert all(expected >= number for number, expected in enumerate(found, start=1))


def test_a_search_that_does_not_end_is_expected_to_take_all() -> None:
    found = expectations(CROWDED[None], max_products=600)

    assert len(found) == 600
    assert set(found[400:]) == {600}


def test_the_slowest_run_is_waited_for() -> None:
    easy = torch.cat([torch.tensor([9.0, 8.0, 7.0, -9.0, -8.0, -7.0]), EVEN[6:] / 100])

    found = expectations(torch.stack([easy, EVEN]), max_products=4000)

    made = len(found)
    assert made > 2 * len(expectations(easy[None], max_products=4000))
    assert found[3 * made // 4] == pytest.approx(made, rel=0.2)
