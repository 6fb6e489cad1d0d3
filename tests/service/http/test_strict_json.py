import json
import math

import pytest
from hypothesis import given, strategies as st

from service.errors import BodyMalformed
from service.http.strict_json import MOST_DEPTH, parse

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_acceptable_values_come_back(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_depth_is_bounded() -> None:
    parse(nested(MOST_DEPTH))
    for depth in (MOST_DEPTH + 1, 2000, 120_000):
        with pytest.raises(BodyMalformed, match="deeper"):
            parse(nested(depth))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xff"', "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "NaN"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "twice"),
        (b'"\\u0000"', "U\\+0000"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b"1" * 5000, "digits"),
    ],
)
def test_what_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BodyMalformed, match=reason):
        parse(body)


def test_a_number_beyond_floats_is_left_to_validation() -> None:
    assert parse(b"1e999") == math.inf
