"""What is accepted here is accepted by the safetensors library, with equal names."""

from pathlib import Path

import pytest
import safetensors
from hypothesis import given, settings, strategies as st

from service.tensors.header import parse_header
from service.tensors.invalid import TensorsInvalid
from tests.support.hostile.file import framed

HEADER = (
    b'{"__metadata__":{"k":"v \xc3\xa9"},'
    b'"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},'
    b'"b.0/c":{"dtype":"F64","shape":[],"data_offsets":[8,16]}}  '
)
PIECES = st.sampled_from(
    b'" " \n 0 1 - 1. , : { } [ ] \\ \\u0061 \xc3 \xff \0 a b.0/c null true'.split(b" ")
)
EDIT = st.tuples(
    st.integers(0, len(HEADER) + 4), st.integers(0, 2), PIECES | st.binary(max_size=2)
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors") / "upload"


@settings(deadline=None, max_examples=500)
@given(edits=st.lists(EDIT, min_size=1, max_size=3))
def test_nothing_is_accepted_that_the_library_refuses(
    path: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    header = HEADER
    for place, removed, added in edits:
        header = header[:place] + added + header[place + removed :]
    path.write_bytes(framed(header, b"\0" * 16))

    try:
        entries = parse_header(path, purpose="weights")
    except TensorsInvalid:
        return

    with safetensors.safe_open(path, "np") as file:
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    assert found == {entry.name: list(entry.shape) for entry in entries}
