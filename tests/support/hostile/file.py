"""Building files that pretend to be safetensors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from service.schemas.files import Purpose

MIB = 1024**2
F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """One file of the corpus.

    Attributes:
        build: Its bytes, made when asked for since some are large.
        reason: What it is refused for.
        tensor: The tensor named in the refusal.
        purpose: What it is uploaded for.
    """

    build: Callable[[], bytes]
    reason: str
    tensor: str | None = None
    purpose: Purpose = "weights"


def framed(header: bytes, data: bytes = b"") -> bytes:
    """A file of this header and these values."""
    return len(header).to_bytes(8, "little") + header + data


def packed(header: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A file whose header is this object."""
    return framed(json.dumps(header).encode(), data)


def one(value: object, *, name: str = "a", data: bytes = b"\0" * 4) -> bytes:
    return packed({name: value}, data)


def raw(header: bytes, data: bytes = b"\0" * 4) -> Callable[[], bytes]:
    return lambda: framed(header, data)


def entry(
    dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)
) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def two(first: tuple[int, int], second: tuple[int, int], data: int) -> bytes:
    return packed(
        {
            "a": entry(shape=[(first[1] - first[0]) // 4], offsets=first),
            "b": entry(shape=[(second[1] - second[0]) // 4], offsets=second),
        },
        b"\0" * data,
    )


GOOD = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
