import pytest
from hypothesis import given, strategies as st

from service.schemas.jobs import Progress
from service.stores.jobs.progress import ShardProgress, ShardState, combine, completed

PHASES = ["preparing", "searching", "decomposing", "classifying", "reporting"]
PHASES += ["unheard_of"]


def shard(
    state: ShardState,
    phase: str | None = None,
    done: int = 0,
    total: int | None = None,
    eta_seconds: float | None = None,
) -> ShardProgress:
    progress = None
    if total is not None:
        fraction = done / total if total else 0.0
        progress = Progress(
            done=done,
            total=total,
            unit="points",
            fraction=fraction,
            eta_seconds=eta_seconds,
        )
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


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([shard("running", "searching", 4, 10, 12.0)], 12.0),
        ([shard("running", "searching", 4, 10)], None),
        # Two that each make one a second have 10 left, and as much waits.
        ([shard("running", "searching", 5, 10, 5.0)] * 2 + [shard("queued")], 10.0),
        # One that makes four a second beside one that makes one.
        (
            [
                shard("running", "searching", 0, 10, 2.5),
                shard("running", "searching", 0, 10, 10.0),
            ],
            4.0,
        ),
    ],
)
def test_the_time_left_is_that_of_all_shards_at_their_common_pace(
    several: list[ShardProgress], expected: float | None
) -> None:
    _, progress = combine(several)
    assert progress is not None
    assert progress.eta_seconds == pytest.approx(expected)


def test_what_is_complete_takes_no_more_time() -> None:
    one = shard("running", "searching", 4, 10, 12.0)
    assert one.progress is not None
    text = completed(one.progress.model_dump_json())
    assert text is not None
    assert Progress.model_validate_json(text).eta_seconds == 0.0
