"""Pieces are as large as caches and memory allow."""

import pytest
from hypothesis import given, strategies as st

from worker.objectives.batches import Batches
from worker.objectives.graphs.sizes import GraphSize

MIB = 2**20


@given(
    samples=st.integers(1, 5000),
    fixed=st.integers(0, 100 * MIB),
    per_sample=st.integers(1, 10 * MIB),
    budget=st.integers(MIB, 2**36),
)
def test_pieces_hold_all_samples_and_keep_within_memory(
    samples: int, fixed: int, per_sample: int, budget: int
) -> None:
    size = GraphSize(fixed=fixed, per_sample=per_sample)

    found = Batches.of(samples=samples, size=size, budget=budget)

    assert (found.pieces - 1) * found.samples < samples <= found.pieces * found.samples
    held = found.runs * size.bytes(found.samples)
    assert held <= budget // 8 or (found.runs, found.samples) == (1, 1)


@pytest.mark.parametrize(("samples", "runs"), [(3, 85), (16, 16), (65, 1), (511, 1)])
def test_one_run_takes_a_longer_piece_than_runs_share(samples: int, runs: int) -> None:
    size = GraphSize(fixed=0, per_sample=MIB // 32)

    found = Batches.of(samples=samples, size=size, budget=2**36)

    assert (found.runs, found.pieces) == (runs, 1)
