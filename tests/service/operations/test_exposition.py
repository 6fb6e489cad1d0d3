from hypothesis import given, strategies as st

from service.operations.exposition import Exposition, Histogram
from tests.support.prometheus import parse, value

BOUNDS = (0.5, 1.0, 2.0)


def test_labels_are_escaped() -> None:
    page = Exposition()
    page.add("a_total", "counter", "About.", [({"label": 'a\\b"c\nd'}, 2)])
    assert page.text().splitlines()[2] == r'a_total{label="a\\b\"c\nd"} 2'


@given(st.lists(st.floats(0, 4)))
def test_buckets_count_all_up_to_their_bound(values: list[float]) -> None:
    histogram = Histogram(len(BOUNDS))
    for each in values:
        histogram.observe(each, BOUNDS)
    page = Exposition()
    page.add_histogram("h_seconds", "About.", BOUNDS, {(("a", "b"),): histogram})
    samples = parse(page.text())
    for bound in BOUNDS:
        told = value(samples, "h_seconds_bucket", a="b", le=str(bound))
        assert told == sum(each <= bound for each in values)
    assert value(samples, "h_seconds_bucket", a="b", le="+Inf") == len(values)
    assert value(samples, "h_seconds_count", a="b") == len(values)
    assert abs(value(samples, "h_seconds_sum", a="b") - sum(values)) < 1e-9
