from typing import Protocol

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from tests.support.numerics.devices import on_cpu
from tests.support.numerics.matrices import rotation, symmetric, vectors
from worker.linalg.lanczos import Decomposition, lanczos
from worker.linalg.operators import DenseOperator

SPECTRA = {
    "definite": torch.linspace(1, 9, 40),
    "indefinite": torch.linspace(-5, 7, 40),
    "wide": torch.logspace(3, -9, 40),
    "repeated": torch.tensor([3.0, 1.0, -2.0, 0.0]).repeat_interleave(10),
    "clustered": torch.cat([1 + 1e-9 * torch.arange(30), torch.linspace(2, 9, 10)]),
    "low rank": torch.cat([torch.zeros(35), torch.linspace(-1, 1, 5)]),
    "zero": torch.zeros(40),
}


class Decompose(Protocol):
    def __call__(self, A: Tensor, start: Tensor, *, steps: int) -> Decomposition: ...


@pytest.fixture(scope="module")
def decompose(device: torch.device) -> Decompose:
    """Decomposes on the device; the answer is on the CPU."""

    def on_device(A: Tensor, start: Tensor, *, steps: int) -> Decomposition:
        operator = DenseOperator(matrices=A.to(device))
        return on_cpu(lanczos(operator, start.to(device), steps=steps))

    return on_device


def tridiagonal(found: Decomposition, run: int) -> Tensor:
    beta = found.off_diagonal[run]
    return torch.diag(found.diagonal[run]) + torch.diag(beta, 1) + torch.diag(beta, -1)


def check(A: Tensor, found: Decomposition, run: int) -> None:
    length = int(found.length[run])
    V, T = found.basis[run], tridiagonal(found, run)
    used = V[:length]
    scale = max(float(torch.linalg.matrix_norm(A, 2)), 1e-300)

    assert (used @ used.T - torch.eye(length)).abs().max() < 1e-12
    assert (V[length:] == 0).all()
    edge = torch.zeros_like(V)
    edge[-1] = found.last_beta[run] * found.last_vector[run]
    assert (V @ A - T @ V - edge).abs().max() < 1e-12 * scale
    assert (used @ found.last_vector[run]).abs().max() < 1e-12


def test_the_identities_hold_for_every_spectrum_in_one_batch(
    decompose: Decompose,
) -> None:
    A = torch.stack([symmetric(x, k) for k, x in enumerate(SPECTRA.values())])
    found = decompose(A, vectors(len(A), 40), steps=25)

    for run in range(len(A)):
        check(A[run], found, run)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 1.0 + 1e-7, -3.0, 100.0]), min_size=1),
    steps=st.integers(min_value=1, max_value=20),
    seed=st.integers(min_value=0, max_value=2**31),
)
def test_the_identities_hold(
    decompose: Decompose, values: list[float], steps: int, seed: int
) -> None:
    A = symmetric(values, seed)

    found = decompose(A[None], vectors(1, len(A), seed + 1), steps=steps)

    assert found.diagonal.shape == (1, min(steps, len(A)))
    check(A, found, 0)


@pytest.mark.parametrize(
    ("kind", "distinct"), [("repeated", 4), ("low rank", 5), ("zero", 1)]
)
def test_a_run_ends_with_its_krylov_space(
    decompose: Decompose, kind: str, distinct: int
) -> None:
    A = symmetric(SPECTRA[kind])

    found = decompose(A[None], vectors(1, 40), steps=20)

    assert found.length.tolist() == [distinct]
    assert found.last_beta.tolist() == [0.0]
    values = torch.linalg.eigvalsh(tridiagonal(found, 0)[:distinct, :distinct])
    expected = SPECTRA[kind].double().unique()
    assert torch.allclose(values, expected, atol=1e-12)


def test_the_whole_space_gives_the_whole_spectrum(decompose: Decompose) -> None:
    values = torch.linspace(-1, 4, 15, dtype=torch.float64)

    found = decompose(symmetric(values)[None], vectors(1, 15), steps=99)

    assert found.diagonal.shape == (1, 15)
    assert torch.allclose(torch.linalg.eigvalsh(tridiagonal(found, 0)), values)


def test_a_start_in_an_eigenspace_ends_at_once(decompose: Decompose) -> None:
    Q = rotation(9, seed=4)
    A = (Q * torch.arange(9.0, dtype=torch.float64)) @ Q.T

    found = decompose(A[None], 7 * Q[:, 3][None], steps=5)

    assert found.length.tolist() == [1]
    assert torch.allclose(found.diagonal, torch.full((1, 5), 3.0, dtype=torch.float64))


def test_runs_do_not_see_each_other(decompose: Decompose) -> None:
    A = torch.stack([symmetric(x, k) for k, x in enumerate(SPECTRA.values())])
    start = vectors(len(A), 40)
    A[2, 0, 0] = torch.nan
    together = decompose(A, start, steps=12)

    for run in range(len(A)):
        part = slice(run, run + 1)
        alone = decompose(A[part], start[part], steps=12)
        assert alone.length[0] == together.length[run]
        # The first coefficients: later ones of a wide spectrum magnify rounding.
        assert torch.allclose(
            alone.diagonal[0, :4], together.diagonal[run, :4], equal_nan=True
        )
    assert together.diagonal[2].isnan().any()
