"""The header of an uploaded safetensors file, trusted in nothing.

Layout: eight bytes hold the header's length, little-endian; the header is a JSON object
of ``name: {dtype, shape, data_offsets}`` and an optional ``__metadata__``; the values
follow without a gap.
"""

import math
import re
from pathlib import Path

from pydantic import JsonValue

from service.schemas.files import Purpose
from service.tensors.entries import (
    ALLOWED_DTYPES,
    ITEM_BYTES,
    TensorEntry,
    allowed_dtypes,
)
from service.tensors.grammar import METADATA_KEY, HeaderItem, items
from service.tensors.invalid import TensorsInvalid

PREFIX_BYTES = 8
HEADER_LIMIT = 8 * 1024**2
TENSOR_COUNT_LIMIT = 20_000
RANK_LIMIT = 8
LARGEST = 2**63 - 1
_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,256}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELDS = {"dtype", "shape", "data_offsets"}


def parse_header(path: Path, *, purpose: Purpose) -> list[TensorEntry]:
    """The tensors of a file, in the order of their values.

    Reads nothing but the header. Values are checked by ``summarise``.

    Args:
        path: The file, complete on disk.
        purpose: What it is for, which decides the dtypes.

    Returns:
        At least one tensor.

    Raises:
        TensorsInvalid: If anything at all is wrong with it.
    """
    size = path.stat().st_size
    header = _read(path, size)
    entries: dict[str, TensorEntry] = {}
    seen_metadata = False
    for item in items(header):
        if item.name == METADATA_KEY:
            if seen_metadata:
                raise TensorsInvalid("duplicate_key", "The metadata occur twice.")
            _check_metadata(item)
            seen_metadata = True
            continue
        if item.name in entries:
            raise TensorsInvalid(
                "duplicate_key", "The tensor occurs twice.", tensor=item.name
            )
        if len(entries) == TENSOR_COUNT_LIMIT:
            raise TensorsInvalid(
                "too_many_tensors", f"More than {TENSOR_COUNT_LIMIT} tensors."
            )
        entries[item.name] = _entry(item, purpose, PREFIX_BYTES + len(header))
    if not entries:
        raise TensorsInvalid("no_tensors", "The file holds no tensor.")
    ordered = sorted(entries.values(), key=lambda entry: entry.offset)
    _check_spans(ordered, PREFIX_BYTES + len(header), size)
    return ordered


def _read(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        prefix = file.read(PREFIX_BYTES)
        if len(prefix) < PREFIX_BYTES:
            raise TensorsInvalid("file_truncated", "The file is under 8 bytes.")
        length = int.from_bytes(prefix, "little")
        if length > HEADER_LIMIT:
            raise TensorsInvalid(
                "header_too_large", "The header exceeds 8 MiB, or is no safetensors."
            )
        if length > size - PREFIX_BYTES:
            raise TensorsInvalid("file_truncated", "The file ends within its header.")
        return file.read(length)


def _check_metadata(item: HeaderItem) -> None:
    for key, value in item.fields.items():
        if not isinstance(value, str):
            raise TensorsInvalid(
                "metadata_invalid", "The metadata map strings to strings only."
            )
        if _SURROGATE.search(key) or _SURROGATE.search(value):
            raise TensorsInvalid("header_not_utf8", "A surrogate stands alone.")


def _entry(item: HeaderItem, purpose: Purpose, data: int) -> TensorEntry:
    name, fields = item.name, item.fields
    if _NAME.fullmatch(name) is None or ".." in name:
        raise TensorsInvalid(
            "name_invalid",
            "A name has 1 to 256 of the characters A-Z a-z 0-9 _ . - / and no '..'.",
            tensor=name,
        )
    if fields.keys() != _FIELDS:
        raise TensorsInvalid(
            "entry_invalid",
            "An entry has dtype, shape and data_offsets, and nothing else.",
            tensor=name,
        )
    dtype = fields["dtype"]
    if not isinstance(dtype, str) or dtype not in allowed_dtypes(name, purpose):
        raise TensorsInvalid(
            "dtype_not_allowed",
            f"A {purpose} file may hold {', '.join(_dtypes(purpose))}.",
            tensor=name,
        )
    shape = _naturals(fields["shape"], "shape_invalid", name)
    if len(shape) > RANK_LIMIT:
        raise TensorsInvalid(
            "rank_too_large", f"More than {RANK_LIMIT} dimensions.", tensor=name
        )
    if 0 in shape:
        raise TensorsInvalid("tensor_empty", "A dimension is zero.", tensor=name)
    begin, end = _offsets(fields["data_offsets"], name)
    if end - begin != math.prod(shape) * ITEM_BYTES[dtype]:
        raise TensorsInvalid(
            "span_does_not_fit_shape",
            "The offsets span another length than dtype and shape need.",
            tensor=name,
        )
    return TensorEntry(name=name, dtype=dtype, shape=shape, offset=data + begin)


def _offsets(value: JsonValue, name: str) -> tuple[int, int]:
    match _naturals(value, "offsets_invalid", name):
        case (begin, end):
            return begin, end
        case _:
            raise TensorsInvalid("offsets_invalid", "Two offsets needed.", tensor=name)


def _dtypes(purpose: Purpose) -> list[str]:
    return [dtype for dtype in ITEM_BYTES if dtype in ALLOWED_DTYPES[purpose]]


def _naturals(value: JsonValue, reason: str, tensor: str) -> tuple[int, ...]:
    """A list of natural numbers as a tuple."""
    if isinstance(value, list):
        numbers = tuple([number for number in value if type(number) is int])
        if len(numbers) == len(value) and max(numbers, default=0) <= LARGEST:
            return numbers
    raise TensorsInvalid(reason, "A list of natural numbers is needed.", tensor=tensor)


def _check_spans(entries: list[TensorEntry], data: int, size: int) -> None:
    """The values follow one another from the header to the end of the file."""
    position = data
    for entry in entries:
        if entry.offset != position:
            raise TensorsInvalid(
                "spans_not_gapless",
                "The values overlap another tensor's or leave a gap before them.",
                tensor=entry.name,
            )
        position += entry.bytes
    if position > size:
        raise TensorsInvalid("file_truncated", "The file ends before its last value.")
    if position < size:
        raise TensorsInvalid("file_too_long", "Bytes follow the last value.")
