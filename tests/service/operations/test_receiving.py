import hashlib
import stat
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from service.errors import FileTooLarge
from service.operations.receiving import received


async def arriving(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=700_000).map(lambda it: it * 3), max_size=4))
def test_a_file_is_kept_while_it_is_needed(tmp_path: Path, pieces: list[bytes]) -> None:
    async def receive() -> None:
        async with received(arriving(pieces), folder=tmp_path, limit=2**30) as file:
            content = file.path.read_bytes()
            assert content == b"".join(pieces)
            assert file.size == len(content)
            assert file.sha256 == hashlib.sha256(content).hexdigest()
            assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
            assert file.path.parent == tmp_path

    anyio.run(receive)
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused_when_it_becomes_too_much(tmp_path: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield b"x" * 1000

    async def receive() -> None:
        async with received(endless(), folder=tmp_path, limit=10_000):
            pytest.fail("there is no file")

    with pytest.raises(FileTooLarge):
        anyio.run(receive)
    assert taken == 11_000
    assert list(tmp_path.iterdir()) == []


def test_a_broken_connection_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionError

    async def receive() -> None:
        async with received(broken(), folder=tmp_path, limit=2**30):
            pytest.fail("there is no file")

    with pytest.raises(ConnectionError):
        anyio.run(receive)
    assert list(tmp_path.iterdir()) == []
