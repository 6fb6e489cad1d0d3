"""Time left, by the pace of this attempt alone."""

import pytest

from worker.runner.pace import Pace


def test_the_time_left_follows_from_the_pace_so_far() -> None:
    pace = Pace()
    assert pace.eta_s(100.0, 0, 10) is None
    assert pace.eta_s(104.0, 2, 10) == pytest.approx(16.0)
    assert pace.eta_s(110.0, 5, 20) == pytest.approx(30.0)
    assert pace.eta_s(120.0, 20, 20) == 0.0


def test_what_an_earlier_attempt_did_has_no_pace() -> None:
    pace = Pace()
    assert pace.eta_s(0.0, 90, 100) is None
    assert pace.eta_s(5.0, 90, 100) is None
    assert pace.eta_s(10.0, 95, 100) == pytest.approx(10.0)
