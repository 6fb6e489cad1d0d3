import base64
import hashlib

import pytest

from service.errors import ChecksumMismatch
from service.http import digests
from service.http.entity_tags import is_current, strong
from service.http.preferences import wait_seconds


@pytest.mark.parametrize(
    ("condition", "current"),
    [
        (None, False),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ("*", True),
        ('"x"', False),
        ("abc", False),
    ],
)
def test_if_none_match(condition: str | None, *, current: bool) -> None:
    assert is_current(condition, strong("abc")) is current


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=10", 10),
        ("wait=0", 0),
        ("wait=3600", 60),
        ('respond-async, wait="5"', 5),
        ("respond-async;foo=1, WAIT = 7; x", 7),
        ("wait=-1", None),
        ("wait=abc", None),
        ("await=5", None),
    ],
)
def test_the_preference_to_wait(prefer: str | None, seconds: int | None) -> None:
    assert wait_seconds(prefer) == seconds


BODY = b"the body"
SHA256 = hashlib.sha256(BODY).hexdigest()
STATED = base64.b64encode(hashlib.sha256(BODY).digest()).decode()


@pytest.mark.parametrize(
    "header",
    [None, f"sha-256=:{STATED}:", f"md5=:AAAA:, sha-256=:{STATED}:", "md5=:A:"],
)
def test_digests_that_pass(header: str | None) -> None:
    digests.check(header, SHA256)


@pytest.mark.parametrize(
    "header", [f"sha-256={STATED}", "sha-256=:AAAA:", "sha-256=:A:", "sha-256=::"]
)
def test_digests_that_do_not(header: str) -> None:
    with pytest.raises(ChecksumMismatch) as refusal:
        digests.check(header, SHA256)
    assert refusal.value.errors[0].pointer == "header/Content-Digest"
