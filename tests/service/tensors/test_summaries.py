"""Any file that the safetensors library writes is accepted and measured as by numpy."""

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from service.schemas.files import Purpose, TensorSummary
from service.tensors.header import parse_header
from service.tensors.summaries import summarise

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
NAMES = st.from_regex(r"[A-Za-z0-9_.\-/]{1,40}", fullmatch=True).filter(
    lambda name: ".." not in name
)
ARRAYS = st.sampled_from(list(DTYPES.values())).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=8, max_side=3))
)
METADATA = st.none() | st.dictionaries(
    st.text(max_size=20).filter(lambda key: key != "__metadata__"), st.text(max_size=50)
)


def summaries(path: Path, purpose: Purpose = "dataset") -> dict[str, TensorSummary]:
    found = summarise(path, parse_header(path, purpose=purpose))
    assert [summary.name for summary in found] == sorted(s.name for s in found)
    return {summary.name: summary for summary in found}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensors") / "upload"


@settings(deadline=None)
@given(
    tensors=st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=5), metadata=METADATA
)
def test_what_the_library_writes_is_measured_as_by_numpy(
    path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None
) -> None:
    safetensors.numpy.save_file(tensors, path, metadata)

    found = summaries(path)

    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        summary = found[name]
        assert DTYPES[summary.dtype] == values.dtype
        assert tuple(summary.shape) == values.shape
        assert summary.finite == bool(np.isfinite(values).all())
        if summary.finite:
            assert summary.minimum == float(values.min())
            assert summary.maximum == float(values.max())
        else:
            assert summary.minimum is None
            assert summary.maximum is None


def write(path: Path, dtype: str, values: bytes, count: int) -> None:
    header = json.dumps(
        {"a": {"dtype": dtype, "shape": [count], "data_offsets": [0, len(values)]}}
    ).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + values)


@given(bits=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20))
def test_bfloat16_is_the_upper_half_of_float32(path: Path, bits: list[int]) -> None:
    values = (np.array(bits, dtype=np.uint32) << 16).view(np.float32)
    write(path, "BF16", np.array(bits, dtype="<u2").tobytes(), len(bits))

    summary = summaries(path, "weights")["a"]

    assert summary.finite == bool(np.isfinite(values).all())
    if summary.finite:
        assert summary.minimum == float(values.min())
        assert summary.maximum == float(values.max())


@given(bits=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20))
def test_float16_is_measured_from_its_bits(path: Path, bits: list[int]) -> None:
    values = np.array(bits, dtype="<u2").view(np.float16)
    write(path, "F16", values.tobytes(), len(bits))

    summary = summaries(path, "weights")["a"]

    assert summary.finite == bool(np.isfinite(values).all())
    if summary.finite:
        assert summary.minimum == float(values.min())
        assert summary.maximum == float(values.max())


@pytest.mark.parametrize("place", [0, 1, 1_000_000, 2_999_999])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -7.0, 7.0])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_no_value_of_many_chunks_is_missed(
    path: Path, place: int, value: float, dtype: str
) -> None:
    values = np.zeros(3_000_000, dtype)
    values[place] = value
    safetensors.numpy.save_file({"a": values}, path)

    summary = summaries(path)["a"]

    assert summary.finite == bool(np.isfinite(value))
    if summary.finite:
        assert (summary.minimum, summary.maximum) == (min(value, 0.0), max(value, 0.0))


def test_header_may_list_tensors_in_any_order(path: Path) -> None:
    entry: dict[str, dict[str, Any]] = {
        "late": {"dtype": "U8", "shape": [2], "data_offsets": [4, 6]},
        "early": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
    }
    header = json.dumps(entry).encode() + b"   "
    values = np.float32(2.5).tobytes() + bytes([3, 4])
    path.write_bytes(len(header).to_bytes(8, "little") + header + values)

    found = summaries(path)

    assert (found["early"].minimum, found["late"].minimum) == (2.5, 3.0)
    assert found["early"].shape == []


def test_as_many_tensors_as_allowed_are_read_in_little_memory(path: Path) -> None:
    names = [f"n{number:06d}".ljust(256, "x") for number in range(20_000)]
    entries = {
        name: {"dtype": "F32", "shape": [1] * 8, "data_offsets": [4 * n, 4 * n + 4]}
        for n, name in enumerate(names)
    }
    header = json.dumps(entries, separators=(",", ":")).encode().ljust(8 * 1024**2)
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 80_000)
    del entries, header

    started = time.process_time()
    parsed = parse_header(path, purpose="weights")
    seconds = time.process_time() - started
    tracemalloc.start()
    try:
        parse_header(path, purpose="weights")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(parsed) == 20_000
    assert seconds < 2.0
    assert peak < 50 * 1024**2


def test_memory_is_flat_for_a_large_file(path: Path) -> None:
    size = 256 * 1024**2
    header = json.dumps(
        {"a": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}}
    ).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    tracemalloc.start()
    try:
        summary = summaries(path, "weights")["a"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        path.unlink()

    assert (summary.minimum, summary.maximum) == (0.0, 0.0)
    assert peak < 16 * 1024**2
