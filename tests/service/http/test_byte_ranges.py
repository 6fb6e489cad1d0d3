import pytest
from hypothesis import given, strategies as st

from service.errors import RangeNotSatisfiable
from service.http.byte_ranges import requested

CONTENT = bytes(range(100))
TAG = '"tag"'


@given(st.integers(0, 99), st.integers(0, 300))
def test_first_and_last_are_both_inclusive(first: int, more: int) -> None:
    part = requested(f"bytes={first}-{first + more}", 100, None, TAG)
    assert part is not None
    assert CONTENT[part.start : part.end] == CONTENT[first : first + more + 1]
    assert part.content_range == f"bytes {first}-{min(first + more, 99)}/100"


@given(st.integers(1, 300))
def test_a_suffix_is_the_end(length: int) -> None:
    part = requested(f"bytes=-{length}", 100, None, TAG)
    assert part is not None
    assert CONTENT[part.start : part.end] == CONTENT[-length:]


def test_an_open_range_goes_to_the_end() -> None:
    part = requested("bytes=40-", 100, None, TAG)
    assert part is not None
    assert (part.start, part.end) == (40, 100)


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=-", "bytes=1-0", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b"],
)
def test_everything_else_is_the_whole(header: str | None) -> None:
    assert requested(header, 100, None, TAG) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=-0", "bytes=500-600"])
def test_ranges_outside_are_refused_with_the_length(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        requested(header, 100, None, TAG)
    assert refusal.value.headers == {"Content-Range": "bytes */100"}


def test_a_range_of_another_version_is_the_whole() -> None:
    assert requested("bytes=0-1", 100, '"other"', TAG) is None
    assert requested("bytes=0-1", 100, TAG, TAG) is not None
    assert requested("bytes=0-1", 100, f"W/{TAG}", TAG) is None
