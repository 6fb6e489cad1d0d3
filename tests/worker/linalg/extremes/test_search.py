import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tests.support.numerics.matrices import symmetric, vectors
from worker.linalg.extremes.extremes import Extremes
from worker.linalg.extremes.search import extreme_eigenvalues
from worker.linalg.operators import DenseOperator

SIZE = 160
SPECTRA = {
    "spread": torch.linspace(-1, 3, SIZE),
    "outliers": torch.cat([torch.logspace(1, -1, 12), 1e-2 * vectors(1, SIZE - 12)[0]]),
    "repeated outliers": torch.cat(
        [torch.tensor([9.0] * 4 + [8.0] * 3 + [-5.0] * 4), torch.linspace(-1, 1, 149)]
    ),
    "all repeated": torch.tensor([3.0, 1.0, -2.0, 0.0]).repeat_interleave(40),
    "low rank": torch.cat([torch.tensor([3.0, 3.0, -2.0]), torch.zeros(SIZE - 3)]),
    "identity": torch.ones(SIZE),
    "zero": torch.zeros(SIZE),
    "negative definite": -(torch.linspace(1, 2, SIZE) ** 2),
    "rank one": torch.cat([torch.tensor([-2.0]), torch.zeros(SIZE - 1)]),
    "tiny gaps": torch.cat([3 - 1e-5 * torch.arange(14), torch.linspace(0, 1, 146)]),
    "tight clusters": torch.cat(
        [
            5 + 1e-9 * torch.arange(9),
            -4 - 1e-10 * torch.arange(13),
            torch.linspace(-1, 1, SIZE - 22),
        ]
    ),
}


def extremes(A: Tensor, *, count: int, max_products: int = 4000) -> Extremes:
    return extreme_eigenvalues(
        DenseOperator(matrices=A),
        vectors(len(A), A.shape[1]),
        count=count,
        tolerance=1e-8,
        max_products=max_products,
    )


@pytest.mark.parametrize("count", [1, 5, 12])
def test_both_ends_of_every_spectrum_in_one_batch(count: int) -> None:
    A = torch.stack([symmetric(x, k) for k, x in enumerate(SPECTRA.values())])
    exact = torch.linalg.eigvalsh(A)

    found = extremes(A, count=count)

    assert found.largest_converged.all()
    assert found.smallest_converged.all()
    assert found.complete.all()
    assert torch.allclose(found.smallest, exact[:, :count], atol=1e-11)
    assert torch.allclose(found.largest, exact[:, -count:].flip(1), atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from([0.0, 1.0, 1.0 + 1e-6, -3.0, 100.0]), min_size=1, max_size=40
    ),
    st.integers(min_value=1, max_value=45),
    st.integers(min_value=0, max_value=2**31),
)
def test_counts_up_to_and_beyond_the_order(
    values: list[float], count: int, seed: int
) -> None:
    A = symmetric(values, seed)
    exact = torch.linalg.eigvalsh(A)
    given_count = min(count, len(A))

    found = extremes(A[None], count=count)

    assert found.largest.shape == found.smallest.shape == (1, given_count)
    assert found.complete.all()
    assert torch.allclose(found.smallest[0], exact[:given_count], atol=1e-10)
    assert torch.allclose(found.largest[0], exact.flip(0)[:given_count], atol=1e-10)


@st.composite
def spectra(draw: st.DrawFn) -> Tensor:
    """Multiplets of all widths at and near both ends of an even or a random bulk."""
    levels = draw(
        st.lists(
            st.tuples(
                st.sampled_from([-8.0, -5.0, -1.0, 1.0, 1.5, 6.0]),
                st.integers(min_value=1, max_value=6),
                st.sampled_from([0.0, 1e-12, 1e-7, 1e-3]),
            ),
            max_size=6,
        )
    )
    multiplets = [
        level + width * torch.arange(count, dtype=torch.float64)
        for level, count, width in levels
    ]
    bulk = draw(st.sampled_from([0.0, 1e-6, 1.0])) * torch.linspace(-1, 1, 60)
    return torch.cat([*multiplets, bulk.double()])


@settings(max_examples=40, deadline=None)
@given(values=spectra(), count=st.integers(1, 8), seed=st.integers(0, 2**31))
def test_every_copy_of_a_repeated_eigenvalue_is_found(
    values: Tensor, count: int, seed: int
) -> None:
    A = symmetric(values, seed)
    exact = torch.linalg.eigvalsh(A)

    found = extremes(A[None], count=count)

    assert found.complete.all()
    assert found.largest_converged.all()
    assert found.smallest_converged.all()
    tolerance = 1e-8 * exact.abs().max().item()
    for values_found, bounds, truth in (
        (found.smallest[0], found.smallest_bounds[0], exact[:count]),
        (found.largest[0], found.largest_bounds[0], exact.flip(0)[:count]),
    ):
        assert torch.allclose(values_found, truth, rtol=0, atol=tolerance)
        assert (bounds <= tolerance).all()


def test_an_eigenvalue_lies_within_every_bound_when_the_products_run_out() -> None:
    A = torch.stack([symmetric(SPECTRA[kind]) for kind in ("spread", "outliers")])
    exact = torch.linalg.eigvalsh(A)

    found = extremes(A, count=4, max_products=30)

    assert found.products.tolist() == [30, 30]
    assert not found.smallest_converged.all(dim=1).any()
    assert not found.complete.any()
    for values, bounds in (
        (found.largest, found.largest_bounds),
        (found.smallest, found.smallest_bounds),
    ):
        distance = (values[:, :, None] - exact[:, None]).abs().amin(dim=2)
        assert (distance <= bounds + 1e-12).all()


def test_a_run_ends_on_its_own() -> None:
    A = torch.stack([symmetric(x, k) for k, x in enumerate(SPECTRA.values())])
    start = vectors(len(A), SIZE)
    together = extremes(A, count=3)

    for run in range(len(A)):
        alone = extreme_eigenvalues(
            DenseOperator(matrices=A[run : run + 1]),
            start[run : run + 1],
            count=3,
            tolerance=1e-8,
            max_products=4000,
        )
        assert alone.products[0] == together.products[run]
        assert torch.allclose(alone.largest[0], together.largest[run], atol=1e-12)
        assert torch.allclose(alone.smallest[0], together.smallest[run], atol=1e-12)
    assert len(together.products.unique()) > 1


def test_a_run_that_is_not_finite_is_nan_alone() -> None:
    A = torch.stack([symmetric(SPECTRA["outliers"], k) for k in range(3)])
    A[1, 7, 7] = torch.nan

    found = extremes(A, count=2)

    assert found.largest.isnan().all(dim=1).tolist() == [False, True, False]
    assert found.largest_converged.all(dim=1).tolist() == [True, False, True]


def test_a_start_of_zero_is_as_good_as_another() -> None:
    A = symmetric(SPECTRA["outliers"])[None]

    found = extreme_eigenvalues(
        DenseOperator(matrices=A),
        torch.zeros(1, SIZE, dtype=torch.float64),
        count=2,
        tolerance=1e-8,
        max_products=1000,
    )

    assert torch.allclose(found.largest[0], torch.linalg.eigvalsh(A[0]).flip(0)[:2])
