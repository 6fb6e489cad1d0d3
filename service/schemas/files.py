"""Uploaded files and the tensors inside them."""

from datetime import datetime
from typing import Literal

from service.schemas.base import FileId, Schema

Purpose = Literal["weights", "dataset"]


class StoredFile(Schema):
    """An uploaded safetensors file."""

    id: FileId
    object: Literal["file"]
    purpose: Purpose
    filename: str
    bytes: int
    sha256: str
    tensor_count: int
    created_at: datetime


class FilePage(Schema):
    """Files, newest first."""

    items: list[StoredFile]
    next_cursor: str | None


class TensorSummary(Schema):
    """One tensor of a file, with the range of its values."""

    name: str
    dtype: str
    """One of `F64`, `F32`, `F16`, `BF16`, `I64`, `I32`, `U8`, `BOOL`."""
    shape: list[int]
    finite: bool
    """Whether no value is NaN or infinite."""
    minimum: float | None
    """Smallest value; null when the tensor is not finite."""
    maximum: float | None
    """Largest value; null when the tensor is not finite."""


class TensorList(Schema):
    """The tensors of a file, by name."""

    items: list[TensorSummary]
