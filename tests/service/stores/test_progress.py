import pytest
from hypothesis import given, strategies as st

from service.schemas.jobs import Progress
from service.stores.progress import ShardProgress, ShardState, combine, completed

PHASES = ["preparing", "searching", "classifying", "reporting", "unheard_of"]


def shard(
    state: ShardState, phase: str | None = None, done: int = 0, total: int | None = None
) -> ShardProgress:
    progress = None
    if total is not None:
        fraction = done / total if total else 0.0
        progress = Progress(done=done, total=total, unit="points", fraction=fraction)
    return ShardProgress(state=state, phase=phase, progress=progress)


shards = st.builds(
    lambda state, phase, total, share: shard(state, phase, int(total * share), total),
    st.sampled_from(["queued", "running", "stored", "cancelled"]),
    st.none() | st.sampled_from(PHASES),
    st.integers(0, 1000),
    st.floats(0, 1),
)


@given(st.lists(shards, min_size=1, max_size=10))
def test_progress_is_within_bounds(several: list[ShardProgress]) -> None:
    phase, progress = combine(several)
    if progress is not None:
        assert phase in {s.phase for s in several if s.state == "running"}
        assert 0 <= progress.done <= progress.total
        assert 0 <= progress.fraction <= 1


@given(st.sampled_from(PHASES), st.integers(0, 100), st.integers(100, 1000))
def test_one_shard_s_progress_is_the_job_s(phase: str, done: int, total: int) -> None:
    one = shard("running", phase, done, total)
    assert combine([one]) == (phase, one.progress)


@pytest.mark.parametrize(
    ("several", "done", "total"),
    [
        ([shard("running", "searching", 5, 10), shard("queued")], 5, 20),
        ([shard("running", "searching", 5, 10), shard("stored")], 15, 20),
        (
            [shard("running", "searching", 5, 10), shard("running", "reporting", 0, 3)],
            15,
            20,
        ),
        ([shard("running", "searching", 0, 0)], 0, 0),
    ],
)
def test_other_shards_count_as_long_as_the_average(
    several: list[ShardProgress], done: int, total: int
) -> None:
    phase, progress = combine(several)
    assert phase == "searching"
    assert progress is not None
    assert (progress.done, progress.total) == (done, total)


def test_without_a_running_shard_there_is_no_progress() -> None:
    assert combine([shard("queued"), shard("stored", "reporting", 1, 1)]) == (
        None,
        None,
    )
    assert combine([shard("running", "searching")]) == ("searching", None)
    assert completed(None) is None
