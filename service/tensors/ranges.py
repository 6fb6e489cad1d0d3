"""Smallest and largest value of a chunk of bytes, by dtype."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Bounds of some values; meaningless unless all of them are finite."""

    low: float
    high: float
    finite: bool

    def join(self, other: "Range") -> "Range":
        """The bounds of both."""
        return Range(
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            finite=self.finite and other.finite,
        )


def _numbers(dtype: str) -> Callable[[Bytes], Range]:
    """Of a dtype that numpy compares natively; its minimum carries a NaN through."""

    def measure(chunk: Bytes) -> Range:
        values: NDArray[Any] = chunk.view(dtype)
        low, high = float(values.min()), float(values.max())
        finite = math.isfinite(low) and math.isfinite(high)
        return Range(low=low + 0.0, high=high + 0.0, finite=finite)

    return measure


def _halves(infinity: int, decode: Callable[[int], float]) -> Callable[[Bytes], Range]:
    """Of a 16-bit float, by comparing integers.

    With the sign's complement taken of the other bits of negative numbers, 16-bit
    integers sort as the floats do, and NaN lies beyond the infinities at either end.

    Args:
        infinity: Its bits.
        decode: The value of some bits.

    Returns:
        What measures a chunk.
    """

    def measure(chunk: Bytes) -> Range:
        bits = chunk.view("<i2")
        keys = bits ^ ((bits >> 15) & 0x7FFF)
        low, high = int(keys.min()), int(keys.max())
        if high >= infinity or low <= ~infinity:
            return Range(low=math.nan, high=math.nan, finite=False)
        return Range(low=decode(_bits(low)), high=decode(_bits(high)), finite=True)

    return measure


def _bits(key: int) -> int:
    return key if key >= 0 else (key ^ 0x7FFF) & 0xFFFF


def _float16(bits: int) -> float:
    return float(np.array([bits], dtype="<u2").view("<f2")[0]) + 0.0


def _bfloat16(bits: int) -> float:
    """It is the upper half of a float32."""
    return float(np.array([bits << 16], dtype="<u4").view("<f4")[0]) + 0.0


RANGES: dict[str, Callable[[Bytes], Range]] = {
    "F64": _numbers("<f8"),
    "F32": _numbers("<f4"),
    "F16": _halves(0x7C00, _float16),
    "BF16": _halves(0x7F80, _bfloat16),
    "I64": _numbers("<i8"),
    "I32": _numbers("<i4"),
    "U8": _numbers("u1"),
    "BOOL": _numbers("u1"),
}
"""What measures a chunk, which holds whole values, by dtype."""
