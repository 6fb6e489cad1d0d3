import pytest
from hypothesis import given, strategies as st

from service.http.slow_bodies import Patience

PACE = 100.0


@given(st.lists(st.floats(0.0, 9.9), max_size=50))
def test_a_body_that_keeps_the_pace_is_waited_for_for_ever(pauses: list[float]) -> None:
    patience = Patience(10.0, PACE)
    for pause in pauses:
        assert pause < patience.left_s
        patience.waited(pause, round(PACE * pause) + 1)


def test_a_body_that_drips_is_waited_for_a_while() -> None:
    patience = Patience(10.0, PACE)
    seconds = 0
    while patience.left_s > 0:
        patience.waited(1.0, 10)
        seconds += 1
    assert seconds == pytest.approx(10.0 / 0.9, abs=1)


def test_what_came_at_once_buys_no_long_pause() -> None:
    patience = Patience(10.0, PACE)
    patience.waited(0.0, 1_000_000_000)
    patience.waited(10.0, 0)
    assert patience.left_s == 0.0
