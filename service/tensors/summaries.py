"""The range of every tensor's values, in one pass over the file."""

import io
from pathlib import Path

import numpy as np

from service.schemas.files import TensorSummary
from service.tensors.entries import TensorEntry
from service.tensors.invalid import TensorsInvalid
from service.tensors.ranges import RANGES, Range

CHUNK_BYTES = 1024**2


def summarise(path: Path, entries: list[TensorEntry]) -> list[TensorSummary]:
    """The tensors of a file by name, with the range of their values.

    Reads the file once, a chunk at a time. Raises ``TensorsInvalid`` if a BOOL value is
    neither 0 nor 1, or the file has shrunk.

    Args:
        path: The file.
        entries: What ``parse_header`` returned for it.

    Returns:
        One summary a tensor.
    """
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        summaries = [_summary(file, entry, buffer) for entry in entries]
    return sorted(summaries, key=lambda summary: summary.name)


def _summary(file: io.FileIO, entry: TensorEntry, buffer: memoryview) -> TensorSummary:
    file.seek(entry.offset)
    found = Range(low=np.inf, high=-np.inf, finite=True)
    remaining = entry.bytes
    while remaining:
        chunk = buffer[:remaining]
        _fill(file, chunk, entry)
        found = found.join(RANGES[entry.dtype](np.frombuffer(chunk, dtype=np.uint8)))
        remaining -= len(chunk)
    if entry.dtype == "BOOL" and found.high > 1:
        raise TensorsInvalid(
            "bool_invalid", "A BOOL value is neither 0 nor 1.", tensor=entry.name
        )
    return TensorSummary(
        name=entry.name,
        dtype=entry.dtype,
        shape=list(entry.shape),
        finite=found.finite,
        minimum=found.low if found.finite else None,
        maximum=found.high if found.finite else None,
    )


def _fill(file: io.FileIO, chunk: memoryview, entry: TensorEntry) -> None:
    filled = 0
    while filled < len(chunk):
        read = file.readinto(chunk[filled:])
        if not read:
            raise TensorsInvalid(
                "file_truncated", "The file ends within a tensor.", tensor=entry.name
            )
        filled += read
