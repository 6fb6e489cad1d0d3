"""A bucket admits its burst and its rate, and not one request more."""

import math

from hypothesis import given, strategies as st

from service.operations.rates import MOST_CLIENTS, Policy, RateLimiter


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    per_second=st.integers(1, 8),
    burst=st.integers(1, 6),
    # Sixteenths of seconds add up without rounding.
    pauses=st.lists(st.integers(0, 40).map(lambda it: it / 16), max_size=60),
)
def test_any_stretch_of_time_admits_the_burst_and_the_rate(
    per_second: int, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    policy = Policy(name="requests", per_second=per_second, burst=burst)
    limiter = RateLimiter(policy, clock)
    admitted: list[float] = []
    for pause in pauses:
        clock.now += pause
        allowance = limiter.admit("key")
        if allowance.retry_after_s:
            # It would have been one too many for some stretch that ends now.
            assert any(
                sum(at >= since for at in admitted) + 1
                > burst + per_second * (clock.now - since)
                for since in admitted
            )
        else:
            admitted.append(clock.now)
        assert 0 <= allowance.remaining < burst or burst == 1
    for position, since in enumerate(admitted):
        for count, until in enumerate(admitted[position:], start=1):
            assert count <= burst + per_second * (until - since)


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    limiter = RateLimiter(Policy(name="writes", per_second=0.3, burst=2), clock)
    assert [limiter.admit("key").remaining for _ in range(2)] == [1, 0]
    refused = limiter.admit("key")
    assert refused.retry_after_s
    clock.now += math.ceil(refused.retry_after_s)
    assert not limiter.admit("key").retry_after_s
    assert limiter.admit("key").retry_after_s


def test_clients_do_not_share() -> None:
    limiter = RateLimiter(Policy(name="requests", per_second=1, burst=1), Clock())
    assert not limiter.admit("a").retry_after_s
    assert not limiter.admit("b").retry_after_s
    assert limiter.admit("a").retry_after_s


def test_the_longest_idle_client_is_forgotten_first() -> None:
    limiter = RateLimiter(Policy(name="requests", per_second=1, burst=1), Clock())
    for number in range(MOST_CLIENTS):
        limiter.admit(str(number))
    assert limiter.admit("0").retry_after_s
    assert not limiter.admit("one more").retry_after_s
    assert limiter.admit("0").retry_after_s
    assert not limiter.admit("1").retry_after_s
