"""Every hostile file is refused: by name, soon, and without filling memory."""

import re
import time
import tracemalloc
from pathlib import Path

import pytest

from service.tensors.header import parse_header
from service.tensors.invalid import TensorsInvalid
from service.tensors.summaries import summarise
from tests.support.hostile.file import MIB, HostileFile
from tests.support.hostile.files import HOSTILE_FILES
from tests.support.hostile.sizes import LARGE_FILES

CORPUS = HOSTILE_FILES | LARGE_FILES


def refusal(path: Path, file: HostileFile) -> TensorsInvalid:
    with pytest.raises(TensorsInvalid) as caught:
        summarise(path, parse_header(path, purpose=file.purpose))
    return caught.value


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_refused_within_a_second(name: str, tmp_path: Path) -> None:
    file = CORPUS[name]
    path = tmp_path / "upload"
    path.write_bytes(file.build())
    started = time.process_time()

    error = refusal(path, file)

    assert time.process_time() - started < 1.0
    assert error.reason == file.reason
    if file.tensor is not None:
        assert error.tensor == file.tensor
    assert re.fullmatch(r"[A-Za-z0-9_.\-/?]{0,256}", error.tensor or "")
    assert re.fullmatch(r"[\x20-\x7e]{1,200}", error.detail)


@pytest.mark.parametrize("name", LARGE_FILES)
def test_a_large_one_stays_small_in_memory(name: str, tmp_path: Path) -> None:
    file = LARGE_FILES[name]
    path = tmp_path / "upload"
    path.write_bytes(file.build())
    tracemalloc.start()
    try:
        refusal(path, file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 50 * MIB
