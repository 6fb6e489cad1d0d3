"""Where a tensor lies in its file."""

import math
from dataclasses import dataclass
from typing import final

from service.schemas.files import Purpose

ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "U8": 1,
    "BOOL": 1,
}
"""Bytes of one value, by dtype."""

WEIGHT_DTYPES = frozenset({"F64", "F32", "F16", "BF16"})
ALLOWED_DTYPES: dict[Purpose, frozenset[str]] = {
    "weights": WEIGHT_DTYPES,
    "dataset": frozenset(ITEM_BYTES),
}
"""Dtypes that a file may hold, by its purpose."""

_COUNTERS = ("num_batches_tracked", "position_ids")


def allowed_dtypes(name: str, purpose: Purpose) -> frozenset[str]:
    """Dtypes of a tensor: of weights reals, but for counters that PyTorch adds."""
    if name.endswith(_COUNTERS):
        return ALLOWED_DTYPES[purpose] | {"I64"}
    return ALLOWED_DTYPES[purpose]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of a file whose header was checked.

    Attributes:
        name: Its name.
        dtype: A key of ``ITEM_BYTES``.
        shape: Its dimensions, all positive; empty for a scalar.
        offset: Where its values begin, in bytes from the start of the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Length of the values."""
        return self.count * ITEM_BYTES[self.dtype]
